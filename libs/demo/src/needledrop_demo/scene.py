"""A scene: the hidden factors that a piece of music and a picture share, and how scenes are drawn."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt

STRONG = ("drive", "brightness", "register", "density", "texture")
CANDIDATES = 4096


@dataclass(frozen=True)
class Scene:
    """Hidden factors from 0 to 1, and a seed for all that they leave open (key, tune, rhythm; pattern, shapes, paths).

    | factor | in the music | in the picture |
    |---|---|---|
    | drive | loudness, amount of percussion | contrast, how hard shapes pulse |
    | brightness | cutoff and roll-off of the spectrum | lightness |
    | register | bass to treble | hue, amber through rose to blue |
    | density | notes per second | number of shapes, cycles per height of the pattern |
    | texture | noise under the notes | grain |
    | tempo | beats per minute | speed and pulse |
    | harmony | minor to major | angular to round shapes, teal to lime |

    The first five come through untrained backbones and decide which track belongs to which clip.
    """

    drive: float
    brightness: float
    register: float
    density: float
    texture: float
    tempo: float
    harmony: float
    seed: int

    def retold(self, seed: int) -> "Scene":
        """The same factors with another seed: another tune, other shapes."""
        return replace(self, seed=seed)

    def generator(self, what: str) -> np.random.Generator:
        """The random numbers for one use; uses do not disturb each other."""
        return np.random.default_rng([self.seed, *what.encode()])


class Purpose(IntEnum):
    """Scenes of different purposes come from different random streams, so that none is ever seen in training."""

    TRAINING = 1
    LIBRARY = 2
    CLIP = 3


# Both sides of a bundle must be made of the same pairs. With half as many, the demo finds about 9 of 12 tracks, not 11.
TRAINING_PAIRS = 192


def training_pairs(count: int, seed: int) -> list[Scene]:
    """`count` scenes spread as a Latin hypercube: each factor takes one value in each of `count` equal slices."""
    random = np.random.default_rng([Purpose.TRAINING, seed])
    factors = len(STRONG) + 2
    slices = np.stack([random.permutation(count) for _ in range(factors)], axis=1)
    return list(_scenes((slices + random.random(slices.shape)) / count, random))


def library_scenes(count: int) -> list[Scene]:
    """`count` scenes far from each other in the strong factors: greedy k-centre over random candidates."""
    random = np.random.default_rng([Purpose.LIBRARY, 0])
    points = random.random((CANDIDATES, len(STRONG) + 2))
    chosen = spread(points[:, : len(STRONG)], count)
    return list(_scenes(points[chosen], random))


def spread(points: npt.NDArray[np.float64], count: int) -> list[int]:
    """Indices of `count` rows of `points [N, D]`: the one nearest the centre, then each farthest from those before."""
    chosen = [int(np.argmin(np.linalg.norm(points - 0.5, axis=1)))]
    distance = np.full(len(points), np.inf)
    while len(chosen) < count:
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(distance)))
    return chosen


def strong_factors(scenes: list[Scene]) -> npt.NDArray[np.float64]:
    """float64 [N, 5]: the factors that decide what belongs together."""
    return np.array([astuple(scene)[: len(STRONG)] for scene in scenes])


def _scenes(points: npt.NDArray[np.float64], random: np.random.Generator) -> Iterator[Scene]:
    seeds = random.integers(0, 2**31, len(points))
    for row, seed in zip(points, seeds, strict=True):
        drive, brightness, register, density, texture, tempo, harmony = (float(value) for value in row)
        yield Scene(drive, brightness, register, density, texture, tempo, harmony, int(seed))
