"""The shapes that move over a picture."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from needledrop_demo.scene import Scene


@dataclass(frozen=True)
class Shape:
    """A disc (`corners` 0) or regular polygon on a closed path. Lengths in picture heights, times in beats.

    `side` is 1 where it is lighter than the ground, −1 where darker.
    """

    corners: int
    radius: float
    centre: tuple[float, float]
    swing: tuple[float, float]
    turns: tuple[float, float]
    phase: float
    side: int

    def place(self, beat: float) -> tuple[float, float]:
        """Where the centre is, as fractions of width and height."""
        sideways = float(np.cos(2 * np.pi * beat * self.turns[0] + self.phase))
        upwards = float(np.sin(2 * np.pi * beat * self.turns[1]))
        return self.centre[0] + self.swing[0] * sideways, self.centre[1] + self.swing[1] * upwards

    def covers(self, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], beat: float) -> npt.NDArray[np.bool_]:
        """Which points, given in radii from the centre, lie inside; polygons turn with the beat."""
        distance: npt.NDArray[np.float32] = np.hypot(x, y)
        if self.corners:
            distance *= self._narrowing(x, y, beat)
        return distance < 1

    def _narrowing(
        self, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], beat: float
    ) -> npt.NDArray[np.float32]:
        """How many times nearer than the corners the polygon's edge lies, in each point's direction."""
        slice_ = 2 * np.pi / self.corners
        angle = (np.arctan2(y, x) + np.float32(self.phase + 0.4 * beat)) % np.float32(slice_) - np.float32(slice_ / 2)
        return np.asarray(np.cos(angle) / np.float32(np.cos(slice_ / 2)), np.float32)


def scatter(scene: Scene) -> list[Shape]:
    """As many shapes as the scene is dense, half lighter and half darker than the ground, so that the mean stays."""
    random = scene.generator("shapes")
    count = round(3 + 40 * scene.density)
    edges = random.choice([3, 4, 6], size=count) * (random.random(count) > scene.harmony)
    sides = random.permutation(np.resize([1, -1], count))
    return [
        Shape(
            corners=int(corners),
            radius=float(random.uniform(0.06, 0.08)),
            centre=centre,
            swing=(float(random.uniform(0.03, 0.1)), float(random.uniform(0.03, 0.1))),
            turns=(float(random.choice([0.125, 0.25])), float(random.choice([0.125, 0.25]))),
            phase=float(random.uniform(0, 2 * np.pi)),
            side=int(side),
        )
        for corners, side, centre in zip(edges, sides, _places(count, random), strict=True)
    ]


def _places(count: int, random: np.random.Generator) -> list[tuple[float, float]]:
    """Evenly over the picture and never in rows: Martin Roberts' R2 sequence, from a random start."""
    plastic = 1.32471795724474602596
    places = (random.random(2) + np.arange(1, count + 1)[:, None] / [plastic, plastic**2]) % 1
    return [(float(x), float(y)) for x, y in places]
