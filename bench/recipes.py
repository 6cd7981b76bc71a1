"""What `bench.trials` tries. A family's trials share their members, which lie in one folder."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from matcher_training.choose import taught_recipe
from matcher_training.recipes import JoinedRecipe, KernelRecipe, ResidualRecipe
from matcher_training.shapes import HubShape, KernelShape, ResidualShape, TowerShape

KERNEL_HUBS = HubShape(bank=2048, beta=10.0, strength=1.0)
SPREADS = ((0.5, 1.0), (0.7, 0.7), (1.0, 1.5), (0.5, 0.5), (0.8, 1.0), (0.6, 1.5))


@dataclass(frozen=True)
class Trial:
    """`family`: the folder of its members. `recipe` makes the recipe."""

    family: str
    recipe: Callable[[], JoinedRecipe]


def net(width: int, learning_rate: float, **changes: object) -> ResidualRecipe:
    """A net of time means, of the width given, trained as a teacher is."""
    shape = ResidualShape(dim=256, video=TowerShape(width=width), audio=TowerShape(width=width))
    plain = ResidualRecipe(shape=shape, epochs=14, learning_rate=learning_rate)
    return replace(plain, **changes)  # type: ignore[arg-type]


def nets(family: str, recipe: ResidualRecipe, count: int, hubs: HubShape | None = None) -> Trial:
    """So many nets of one recipe, joined."""
    return Trial(family, lambda: JoinedRecipe(residuals=(recipe,) * count, hubs=hubs))


def taught(students: int, hubs: bool, bank: int | None = None) -> Trial:
    """The default recipe with another number of students, with or without its hub correction, or with another bank."""

    def recipe() -> JoinedRecipe:
        default = taught_recipe()
        shape = default.hubs.model_copy(update={"bank": bank}) if default.hubs and bank else default.hubs
        return replace(default, residuals=default.residuals[:1] * students, hubs=shape if hubs else None)

    return Trial("taught", recipe)


def kernels(count: int, hubs: HubShape | None) -> Trial:
    """So many kernel members."""
    shape = KernelShape(dim=200, features=1500)
    members = tuple(KernelRecipe(shape, spread) for spread in SPREADS[:count])
    return Trial("kernels", lambda: JoinedRecipe(kernels=members, hubs=hubs))


HUBS = taught_recipe().hubs
TEACHER = net(512, 2e-3)
TRIALS: dict[str, Trial] = {
    "net-1024": nets("net-1024", net(1024, 1e-3), 1),
    "net-512-slow": nets("net-512-slow", net(512, 1e-3), 1),
    "net-512": nets("net-512", TEACHER, 1),
    "nets-512-x3": nets("net-512", TEACHER, 3),
    "nets-512-x5": nets("net-512", TEACHER, 5),
    "nets-512-x5-hubs": nets("net-512", TEACHER, 5, HUBS),
    "no-mixup": nets("no-mixup", net(512, 2e-3, mixup=0.0), 1),
    "taught-x1": taught(1, False),
    "taught-x1-hubs": taught(1, True),
    "taught-x3": taught(3, False),
    "taught-x3-hubs": taught(3, True),
    "kernel-x1": kernels(1, None),
    "kernel-x3": kernels(3, None),
    "kernel-x3-hubs": kernels(3, KERNEL_HUBS),
    "kernel-x6-hubs": kernels(6, KERNEL_HUBS),
}
