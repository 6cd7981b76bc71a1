"""How each kind of metric is made and trained.

A new kind takes its name in `needledrop.metric_kind`, an entry here, and modules of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from matcher_training.data import Pairs
from matcher_training.fit.joined_fit import fit_joined
from matcher_training.fit.recipe_selection import choose_recipe
from matcher_training.fit.recipes import JoinedRecipe, Recipe, ReferenceRecipe
from matcher_training.fit.reference_fit import fit_reference
from matcher_training.fit.run import FittedMetric, TrainingRun
from matcher_training.towers.joined import make_joined
from matcher_training.towers.metric import Metric
from matcher_training.towers.reference import make_reference
from matcher_training.towers.shapes import MetricShape
from needledrop.metric_kind import MetricKind

R = TypeVar("R", bound=Recipe)
Dims = tuple[int, int]
Hops = tuple[float, float]


@dataclass(frozen=True)
class KindEntry(Generic[R]):
    """One kind of metric, trained by recipes of type R.

    `make` takes the columns and the hops (seconds between rows) of video and audio, and the shape of the towers where
    there is one; the metric is untrained. `choose` gives the recipe that suits the pairs. `fit` trains.
    """

    make: Callable[[Dims, Hops, MetricShape | None], Metric]
    choose: Callable[[Pairs], R]
    fit: Callable[[R, TrainingRun], FittedMetric]


def _reference(kind: MetricKind) -> KindEntry[ReferenceRecipe]:
    return KindEntry(
        make=lambda dims, hops_s, shape: make_reference(kind, *dims),
        choose=lambda train: ReferenceRecipe(),
        fit=partial(fit_reference, kind),
    )


OURS: KindEntry[JoinedRecipe] = KindEntry(make_joined, choose_recipe, fit_joined)
KINDS: Mapping[MetricKind, KindEntry[Any]] = {
    MetricKind.NEEDLEDROP: OURS,
    MetricKind.VA_METRIC: _reference(MetricKind.VA_METRIC),
    MetricKind.VA_METRIC2: _reference(MetricKind.VA_METRIC2),
}
