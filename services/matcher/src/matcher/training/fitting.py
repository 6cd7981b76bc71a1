"""A real training: `matcher_training` fits the metric, and measures it on pairs that it has not seen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matcher.training.requests import FEWEST_PAIRS
from matcher.training.run import Epoch, Work
from needledrop.metric import MetricCard

if TYPE_CHECKING:
    from matcher_training.data import Pairs

HELD_OUT = 0.2
FEWEST_HELD_OUT = 2
DATA = "pairs and choices of this installation"


def fit(work: Work, progress: Callable[[Epoch], None]) -> MetricCard:
    """Train on four fifths of the pairs and report on the rest, in the work's folder; fulfils `Fit`.

    What it goes on from stays there until the folder is removed. `FeatureError` where there are too few pairs,
    `MemoryError` where memory runs out.
    """
    from matcher_training.bundles.loading import load_tower_embedder  # noqa: PLC0415
    from matcher_training.evaluation.report import evaluate_metric, write_report  # noqa: PLC0415
    from matcher_training.fit.fitting import fit_metric  # noqa: PLC0415  torch is imported where it is used
    from matcher_training.fit.progress import FitProgress  # noqa: PLC0415  torch is imported where it is used

    def on_epoch(told: FitProgress) -> None:
        progress(Epoch(told.epoch, told.epochs, {"loss": told.loss, "reciprocal_rank": told.reciprocal_rank}))

    train, held_out = hold_out(work.pairs, work.seed)
    with _no_memory():
        card = fit_metric(
            train,
            None,
            work.recipe,
            work.folder,
            seed=work.seed,
            progress=on_epoch,
            name=work.name,
            training={"data": DATA, "reported_on": len(held_out)},
            keep_work=True,
        )
    metric = load_tower_embedder(work.folder, held_out)
    report = evaluate_metric(metric, held_out, name=work.name, galleries=(None,), seed=work.seed, data=(DATA,))
    write_report(report, work.folder)
    return card


@contextmanager
def _no_memory() -> Iterator[None]:
    """PyTorch says `RuntimeError` where an allocation fails."""
    try:
        yield
    except RuntimeError as error:
        if "allocate memory" in str(error):
            raise MemoryError(str(error)) from error
        raise


def hold_out(pairs: "Pairs", seed: int) -> "tuple[Pairs, Pairs]":
    """The pairs to train on, and those to report on: what shares a picture stays together where that leaves enough."""
    train, held_out = pairs.split(HELD_OUT, np.random.default_rng(seed))
    if len(held_out) < FEWEST_HELD_OUT or len(train) < FEWEST_PAIRS - FEWEST_HELD_OUT:
        train, held_out = replace(pairs, groups=None).split(HELD_OUT, np.random.default_rng(seed))
    return train, held_out
