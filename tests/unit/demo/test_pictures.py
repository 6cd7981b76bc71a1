from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from needledrop_demo import Scene, render_frames
from tests.unit.demo.scenes import MIDDLE, along, rises

SEEDS = range(6)
PLAIN = replace(MIDDLE, drive=0.6, texture=0.0)

Picture = npt.NDArray[np.float64]


def frame(scene: Scene, time_s: float = 1.0) -> Picture:
    return next(render_frames(scene, [time_s])).astype(np.float64)


def luma(picture: Picture) -> Picture:
    """Rec. 709."""
    return np.asarray(picture @ np.array([0.2126, 0.7152, 0.0722]), np.float64)


def mean_over_seeds(measure: Callable[[Scene], float], scene: Scene) -> float:
    return float(np.mean([measure(scene.retold(seed)) for seed in SEEDS]))


def warmth(scene: Scene) -> float:
    picture = frame(scene)
    return float((picture[..., 0] - picture[..., 2]).mean())


def blocks_noise(scene: Scene) -> float:
    """How far neighbouring blocks of two pixels lie apart."""
    blocks = luma(frame(scene))[::2, ::2]
    return float(np.median(np.abs(np.diff(blocks, axis=1))))


def spread_of_light(scene: Scene) -> float:
    return float(luma(frame(scene)).std())


def main_frequency(scene: Scene) -> float:
    """Cycles per height at the strongest component of the picture's two-dimensional spectrum."""
    picture = luma(frame(scene))
    height, width = picture.shape
    spectrum = np.abs(np.fft.fft2(picture - picture.mean()))
    y, x = np.unravel_index(int(spectrum.argmax()), spectrum.shape)
    return float(np.hypot(np.fft.fftfreq(height)[y], np.fft.fftfreq(width)[x]) * height)


def green_share(scene: Scene) -> float:
    picture = frame(scene)
    return float((picture[..., 1] > np.maximum(picture[..., 0], picture[..., 2])).mean())


def change_in_a_tenth(scene: Scene) -> float:
    return float(np.abs(luma(frame(scene, 1.0)) - luma(frame(scene, 1.1))).mean())


def test_the_same_scene_gives_the_same_frames() -> None:
    first, second = (list(render_frames(MIDDLE, [0, 0.5])) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_frame_depends_on_its_own_time_only() -> None:
    alone = next(render_frames(MIDDLE, [2.0]))
    among = list(render_frames(MIDDLE, [0.0, 1.0, 2.0]))[2]
    assert np.array_equal(alone, among)


@pytest.mark.parametrize("size", [(320, 240), (481, 271), (64, 200)])
def test_frames_have_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    picture = next(render_frames(MIDDLE, [0.0], size))
    assert picture.dtype == np.uint8
    assert picture.shape == (size[1], size[0], 3)


def test_another_seed_gives_another_picture() -> None:
    assert np.abs(frame(MIDDLE) - frame(MIDDLE.retold(1))).mean() > 10


def test_brightness_makes_it_lighter() -> None:
    assert rises([mean_over_seeds(lambda s: float(luma(frame(s)).mean()), scene) for scene in along("brightness")])


def test_register_turns_amber_into_blue() -> None:
    assert rises([-mean_over_seeds(warmth, scene) for scene in along("register", PLAIN)])


def test_drive_raises_contrast() -> None:
    assert rises([mean_over_seeds(spread_of_light, scene) for scene in along("drive", PLAIN)])


def test_texture_adds_grain() -> None:
    assert rises([mean_over_seeds(blocks_noise, scene) for scene in along("texture", replace(PLAIN, drive=0.2))])


def test_density_raises_the_pattern_s_frequency() -> None:
    def median(scene: Scene) -> float:
        return float(np.median([main_frequency(scene.retold(seed)) for seed in SEEDS]))

    assert rises([median(replace(PLAIN, density=density)) for density in (0.1, 0.5, 0.9)])


def test_density_brings_more_shapes() -> None:
    assert rises([mean_over_seeds(green_share, scene) for scene in along("density", PLAIN)])


def test_tempo_makes_it_move_faster() -> None:
    assert rises([mean_over_seeds(change_in_a_tenth, scene) for scene in along("tempo", PLAIN)])
