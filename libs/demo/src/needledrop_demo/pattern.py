"""The moving pattern behind the shapes: stripes, rings, a weave or waves, at the scene's spatial frequency."""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from needledrop_demo.scene import Scene

Field = npt.NDArray[np.float32]


class Kind(IntEnum):
    STRIPES = 0
    RINGS = 1
    WEAVE = 2
    WAVES = 3


def cycles_per_height(scene: Scene) -> float:
    """Spatial frequency of the pattern, 1.5 to 12 cycles over the picture's height."""
    return float(1.5 * 8**scene.density)


class Pattern:
    """A scene's pattern for one picture size (width, height)."""

    def __init__(self, scene: Scene, size: tuple[int, int]) -> None:
        random = scene.generator("pattern")
        self._kind = Kind(int(random.integers(len(Kind))))
        angle = random.uniform(0, np.pi)
        x, y = _grid(size)
        turn = 2 * np.pi * cycles_per_height(scene)
        self._across = _phase(turn * (x * np.cos(angle) + y * np.sin(angle)))
        self._along = _phase(turn * (y * np.cos(angle) - x * np.sin(angle)))
        self._radius = _phase(turn * np.hypot(x - random.uniform(-0.4, 0.4), y - random.uniform(-0.3, 0.3)))
        self._bend = _phase(5 * (y * np.cos(angle) - x * np.sin(angle)))
        self._depth = np.float32(0.05 * turn)
        self._hardness = np.float32(1 + 3 * scene.drive)
        self._speed = 2 * np.pi * (0.2 + 0.5 * scene.tempo) * (1 if random.random() < 0.5 else -1)

    def at(self, time_s: float) -> Field:
        """float32 [height, width], within ±1, mean near 0; the more drive, the harder the edges."""
        phase = np.float32(self._speed * time_s)
        match self._kind:
            case Kind.STRIPES:
                field = np.sin(self._across + phase)
            case Kind.RINGS:
                field = np.sin(self._radius - phase)
            case Kind.WEAVE:
                field = np.float32(1.4) * np.sin(self._across + phase) * np.sin(self._along - phase)
            case Kind.WAVES:
                field = np.sin(self._across + self._depth * np.sin(self._bend + phase) + phase)
        return np.asarray(np.tanh(self._hardness * field), np.float32)


def _grid(size: tuple[int, int]) -> tuple[Field, Field]:
    """x and y of each pixel in picture heights from the centre."""
    width, height = size
    x = np.arange(width) - width / 2
    y = np.arange(height) - height / 2
    across, down = np.meshgrid(x / height, y / height)
    return _phase(across), _phase(down)


def _phase(values: npt.NDArray[np.floating]) -> Field:
    return values.astype(np.float32)
