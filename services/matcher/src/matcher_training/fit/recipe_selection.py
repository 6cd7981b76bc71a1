"""Which recipe suits which data. docs/training.md has the trials that these come from."""

from dataclasses import replace

from matcher_training.data import Pairs
from matcher_training.fit.label_fit import common_labels
from matcher_training.fit.recipes import JoinedRecipe, KernelRecipe, LabelRecipe, ResidualRecipe
from matcher_training.towers.shapes import HubShape, KernelShape, ResidualShape, TowerShape

FEW = 8_000
DIM = 256
SPREADS = ((0.5, 1.0), (0.7, 0.7), (1.0, 1.5))
RIDGE = 1.0
NETS_FROM, SMALL_NETS = 1_000, 2
TEACHER_WIDTH = 1024
STUDENTS = ((1024, 1), (768, 2))
"""Width and residual blocks of each."""

TEACHING_LABELS, LABELS = 768, 256
"""Widths of the label towers."""

HUB_BANK = 2048
LEAST = 6
"""Pairs that a label must have."""

LEAST_LABELS = 20


def choose_recipe(train: Pairs) -> JoinedRecipe:
    """For a few thousand pairs, where nets overfit, kernel members above all; beyond, nets taught by several."""
    if len(train) < FEW:
        return kernel_recipe(len(train))
    return taught_recipe(labelled=train.labels is not None and len(common_labels(train.labels, LEAST)) >= LEAST_LABELS)


def kernel_recipe(pairs: int) -> JoinedRecipe:
    """Three kernel members that differ in the width of the kernel, from a thousand pairs on beside two small nets."""
    features = min(1500, max(64, 2 * pairs))
    shape = KernelShape(dim=min(200, features, pairs), features=features)
    return JoinedRecipe(
        kernels=tuple(KernelRecipe(shape, spread, RIDGE) for spread in SPREADS),
        residuals=(_small_net(),) * SMALL_NETS if pairs >= NETS_FROM else (),
        hubs=HubShape(bank=2048, beta=10.0, strength=1.0),
    )


def taught_recipe(labelled: bool) -> JoinedRecipe:
    """Wide nets, with `labelled` pairs also label towers, and nets that learn their joined similarities.

    Teachers that are unlike each other make other mistakes: a plain one, a deep one, a deep one that is held back more,
    and one of a higher temperature, which minds the middle ranks more than the first.
    """
    plain = ResidualRecipe(shape=_shape(TEACHER_WIDTH), epochs=24, learning_rate=1e-3)
    deep = replace(plain, shape=_shape(TEACHER_WIDTH, blocks=2))
    held_back = replace(deep, epochs=28, input_dropout=(0.4, 0.2), dropout=0.3, most_scale=15.0)
    broad = replace(plain, batch=1024, learning_rate=7e-4, most_scale=10.0)
    students = (
        ResidualRecipe(
            shape=_shape(width, blocks),
            epochs=34,
            learning_rate=1.2e-3,
            weight_decay=0.05,
            input_dropout=(0.2, 0.1),
            dropout=0.1,
        )
        for width, blocks in STUDENTS
    )
    return JoinedRecipe(
        teaching_labels=_labels(TEACHING_LABELS, 0.8) if labelled else None,
        labels=_labels(LABELS, 0.2) if labelled else None,
        teachers=(plain, deep, held_back, broad),
        residuals=tuple(students),
        reduced=DIM,
        hubs=HubShape(bank=HUB_BANK, beta=16.0, strength=0.75),
    )


def _small_net() -> ResidualRecipe:
    """A transformer layer and gated pooling over the rows."""
    tower = TowerShape(width=128, layers=1, pooling="gated")
    return ResidualRecipe(
        shape=ResidualShape(dim=128, video=tower, audio=tower, weight=0.7),
        epochs=40,
        batch=512,
        learning_rate=2e-3,
        input_dropout=(0.3, 0.2),
        dropout=0.3,
        crop_s=(5.0, 10.0),
    )


def _labels(width: int, weight: float) -> LabelRecipe:
    return LabelRecipe((TowerShape(width=width), TowerShape(width=width)), least=LEAST, weight=weight)


def _shape(width: int, blocks: int = 1) -> ResidualShape:
    tower = TowerShape(width=width, blocks=blocks)
    return ResidualShape(dim=DIM, video=tower, audio=tower)
