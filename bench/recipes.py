"""What `bench.trials` tries. A family's trials share their members, which lie in one folder."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from matcher_training.fit.recipe_selection import taught_recipe
from matcher_training.fit.recipes import JoinedRecipe, KernelRecipe, ResidualRecipe
from matcher_training.towers.shapes import HubShape, KernelShape, ResidualShape, TowerShape

KERNEL_HUBS = HubShape(bank=2048, beta=10.0, strength=1.0)
SPREADS = ((0.5, 1.0), (0.7, 0.7), (1.0, 1.5), (0.5, 0.5), (0.8, 1.0), (0.6, 1.5))


@dataclass(frozen=True)
class Trial:
    """`family`: the folder of its members. `recipe` makes the recipe."""

    family: str
    recipe: Callable[[], JoinedRecipe]


def net(width: int, learning_rate: float, epochs: int, **changes: object) -> ResidualRecipe:
    """A net of time means, of the width given, trained as a teacher is."""
    shape = ResidualShape(dim=256, video=TowerShape(width=width), audio=TowerShape(width=width))
    plain = ResidualRecipe(shape=shape, epochs=epochs, learning_rate=learning_rate)
    return replace(plain, **changes)  # type: ignore[arg-type]


def nets(family: str, recipe: ResidualRecipe, count: int, hubs: HubShape | None = None) -> Trial:
    """So many nets of one recipe, joined."""
    return Trial(family, lambda: JoinedRecipe(residuals=(recipe,) * count, hubs=hubs))


def taught(family: str, students: int, hubs: HubShape | None, labelled: bool = True) -> Trial:
    """The default recipe with another number of students, with or without label towers and hub correction."""

    def recipe() -> JoinedRecipe:
        default = taught_recipe(labelled)
        return replace(default, residuals=default.residuals[:students], hubs=hubs)

    return Trial(family, recipe)


def teachers(hubs: HubShape | None, labelled: bool = False) -> Trial:
    """The default's teachers themselves, joined, with or without the label towers that teach beside them."""

    def recipe() -> JoinedRecipe:
        default = taught_recipe(labelled)
        return JoinedRecipe(residuals=default.teachers, labels=default.teaching_labels, hubs=hubs)

    return Trial("teachers", recipe)


def kernels(count: int, hubs: HubShape | None) -> Trial:
    """So many kernel members."""
    shape = KernelShape(dim=200, features=1500)
    members = tuple(KernelRecipe(shape, spread) for spread in SPREADS[:count])
    return Trial("kernels", lambda: JoinedRecipe(kernels=members, hubs=hubs))


DEFAULT = taught_recipe(labelled=True)
PLAIN, DEEP, HELD_BACK, BROAD = DEFAULT.teachers
HUBS = DEFAULT.hubs
TRIALS: dict[str, Trial] = {
    "net-512-short": nets("net-512-short", net(512, 2e-3, 14, mixup=0.4), 1),
    "net-512": nets("net-512", net(512, 2e-3, 24), 1),
    "net-512-three": nets("net-512-three", net(512, 2e-3, 28, mixed=3), 1),
    "no-mixup": nets("no-mixup", net(512, 2e-3, 14, mixup=0.0), 1),
    "plain": nets("plain", PLAIN, 1),
    "plain-x4": nets("plain", PLAIN, 4),
    "plain-x4-hubs": nets("plain", PLAIN, 4, HUBS),
    "deep": nets("deep", DEEP, 1),
    "held-back": nets("held-back", HELD_BACK, 1),
    "broad": nets("broad", BROAD, 1),
    "teachers": teachers(None),
    "teachers-hubs": teachers(HUBS),
    "teachers-labels-hubs": teachers(HUBS, labelled=True),
    "taught-x1": taught("taught", 1, None),
    "taught-x1-hubs": taught("taught", 1, HUBS),
    "taught-x2": taught("taught", 2, None),
    "taught-x2-hubs": taught("taught", 2, HUBS),
    "unlabelled-x1-hubs": taught("unlabelled", 1, HUBS, labelled=False),
    "kernel-x1": kernels(1, None),
    "kernel-x3": kernels(3, None),
    "kernel-x3-hubs": kernels(3, KERNEL_HUBS),
    "kernel-x6-hubs": kernels(6, KERNEL_HUBS),
}
