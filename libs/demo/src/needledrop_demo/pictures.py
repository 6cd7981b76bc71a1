"""Pictures from a scene: a moving pattern, shapes that pulse on the beat, grain."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from needledrop_demo.palette import LEVELS, lightness, palette
from needledrop_demo.pattern import Field, Pattern
from needledrop_demo.scene import Scene
from needledrop_demo.score import beats_per_minute
from needledrop_demo.shapes import Shape, scatter

Image = npt.NDArray[np.uint8]

GRAIN_FPS = 8
GRAIN_TILES = 4


def render_frames(scene: Scene, times: Sequence[float], size: tuple[int, int] = (320, 240)) -> Iterator[Image]:
    """uint8 [height, width, 3] RGB for each time in seconds; `size` is (width, height).

    A frame depends on its own time only, not on which others are asked for.
    """
    colours, pattern, grain = palette(scene), Pattern(scene, size), _grain(scene, size)
    shapes = scatter(scene)
    for time_s in times:
        light = lightness(scene) + np.float32(contrast(scene)) * pattern.at(time_s)
        accent = np.zeros(light.shape, np.uint16)
        for shape in shapes:
            _draw(shape, scene, time_s, light, accent)
        light += grain[int(time_s * GRAIN_FPS) % GRAIN_TILES]
        level = np.clip(light * (LEVELS - 1), 0, LEVELS - 1).astype(np.uint16)
        yield colours[level + accent]


def contrast(scene: Scene) -> float:
    """Half the way from the pattern's darkest to its lightest, in OKLab lightness."""
    return 0.04 + 0.28 * scene.drive


def _grain(scene: Scene, size: tuple[int, int]) -> Field:
    """float32 [tiles, height, width]: noise in blocks of two pixels, which survive a video codec."""
    width, height = size
    coarse = scene.generator("grain").standard_normal((GRAIN_TILES, -(-height // 2), -(-width // 2)), np.float32)
    fine = coarse.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]
    return np.asarray(fine * np.float32(0.09 * scene.texture), np.float32)


def _draw(shape: Shape, scene: Scene, time_s: float, light: Field, accent: npt.NDArray[np.uint16]) -> None:
    """Put one shape into both fields, in a window around it only."""
    height, width = light.shape
    beat = time_s * beats_per_minute(scene) / 60
    radius = height * shape.radius * (1 + 0.3 * scene.drive * float(np.exp(-4 * (beat % 1))))
    cx, cy = shape.place(beat)
    cx, cy = cx * width, cy * height
    left, right = max(int(cx - radius), 0), min(int(cx + radius) + 2, width)
    top, bottom = max(int(cy - radius), 0), min(int(cy + radius) + 2, height)
    if left >= right or top >= bottom:
        return
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    inside = shape.covers((x - np.float32(cx)) / np.float32(radius), (y - np.float32(cy)) / np.float32(radius), beat)
    light[top:bottom, left:right][inside] = lightness(scene) + shape.side * (0.05 + 0.6 * contrast(scene))
    accent[top:bottom, left:right][inside] = LEVELS
