"""Which recipe suits which data. docs/training.md has the trials that these come from."""

from matcher_training.data import Pairs
from matcher_training.recipes import JoinedRecipe, KernelRecipe, ResidualRecipe
from matcher_training.shapes import HubShape, KernelShape, ResidualShape, TowerShape

FEW = 8_000
DIM = 256
SPREADS = ((0.5, 1.0), (0.7, 0.7), (1.0, 1.5))
RIDGE = 1.0
TEACHERS = 6


def choose_recipe(train: Pairs) -> JoinedRecipe:
    """Kernel members for a few thousand pairs, where nets overfit; beyond, one net taught by several."""
    return kernel_recipe(len(train)) if len(train) < FEW else taught_recipe()


def kernel_recipe(pairs: int) -> JoinedRecipe:
    """Three kernel members that differ in the width of the kernel and in their random features."""
    features = min(1500, max(64, 2 * pairs))
    shape = KernelShape(dim=min(200, features, pairs), features=features)
    return JoinedRecipe(
        kernels=tuple(KernelRecipe(shape, spread, RIDGE) for spread in SPREADS),
        hubs=HubShape(bank=2048, beta=10.0, strength=0.5),
    )


def taught_recipe() -> JoinedRecipe:
    """Six nets, and one that learns from their joined similarities."""
    teacher = ResidualRecipe(
        shape=ResidualShape(dim=DIM, video=TowerShape(width=1024), audio=TowerShape(width=1024)), epochs=14
    )
    student = ResidualRecipe(
        shape=ResidualShape(dim=DIM, video=TowerShape(width=1024), audio=TowerShape(width=1024)),
        epochs=14,
        mixup=1.0,
        weight_decay=0.05,
        input_dropout=(0.2, 0.1),
        dropout=0.1,
    )
    return JoinedRecipe(
        teachers=(teacher,) * TEACHERS, residuals=(student,), hubs=HubShape(bank=4096, beta=16.0, strength=0.5)
    )
