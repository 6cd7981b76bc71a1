"""Which recipe suits which data. docs/training.md has the trials that these come from."""

from matcher_training.data import Pairs
from matcher_training.recipes import JoinedRecipe, KernelRecipe, ResidualRecipe
from matcher_training.shapes import HubShape, KernelShape, ResidualShape, TowerShape

FEW = 8_000
DIM = 256
SPREADS = ((0.5, 1.0), (0.7, 0.7), (1.0, 1.5))
RIDGE = 1.0
WIDTH = 512
TEACHERS, STUDENTS = 5, 3
HUB_BANK = 4096


def choose_recipe(train: Pairs) -> JoinedRecipe:
    """Kernel members for a few thousand pairs, where nets overfit; beyond, nets taught by several."""
    return kernel_recipe(len(train)) if len(train) < FEW else taught_recipe()


def kernel_recipe(pairs: int) -> JoinedRecipe:
    """Three kernel members that differ in the width of the kernel and in their random features."""
    features = min(1500, max(64, 2 * pairs))
    shape = KernelShape(dim=min(200, features, pairs), features=features)
    return JoinedRecipe(
        kernels=tuple(KernelRecipe(shape, spread, RIDGE) for spread in SPREADS),
        hubs=HubShape(bank=2048, beta=10.0, strength=1.0),
    )


def taught_recipe() -> JoinedRecipe:
    """Five nets, and three that learn from the joined similarities of those, on mixtures that never come twice."""
    shape = ResidualShape(dim=DIM, video=TowerShape(width=WIDTH), audio=TowerShape(width=WIDTH))
    teacher = ResidualRecipe(shape=shape, epochs=14, learning_rate=2e-3)
    student = ResidualRecipe(
        shape=shape,
        epochs=24,
        learning_rate=2e-3,
        mixup=1.0,
        weight_decay=0.05,
        input_dropout=(0.2, 0.1),
        dropout=0.1,
    )
    return JoinedRecipe(
        teachers=(teacher,) * TEACHERS,
        residuals=(student,) * STUDENTS,
        reduced=DIM,
        hubs=HubShape(bank=HUB_BANK, beta=16.0, strength=0.75),
    )
