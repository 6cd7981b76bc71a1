from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from needledrop_demo import demo_clips, demo_library, training_pairs
from needledrop_demo.scene import STRONG, library_scenes, spread, strong_factors


def test_the_same_seed_gives_the_same_scenes() -> None:
    assert training_pairs(10, 3) == training_pairs(10, 3)


def test_another_seed_gives_other_scenes() -> None:
    assert not set(training_pairs(50, 3)) & set(training_pairs(50, 4))


def test_each_factor_of_the_training_scenes_falls_once_into_each_slice() -> None:
    rows = np.array([astuple(scene)[:-1] for scene in training_pairs(40, 7)])
    for column in rows.T:
        assert sorted(int(value * 40) for value in column) == list(range(40))


def test_no_scene_of_the_library_is_ever_in_training(tmp_path: Path) -> None:
    library = demo_library(tmp_path)
    held_out = {track.scene for track in library} | {clip.scene for clip in demo_clips(tmp_path, library)}
    factors = {astuple(scene)[:-1] for scene in held_out}
    seeds = {scene.seed for scene in held_out}
    for seed in range(30):
        scenes = training_pairs(96, seed)
        assert not factors & {astuple(scene)[:-1] for scene in scenes}
        assert not seeds & {scene.seed for scene in scenes}


def test_retelling_a_scene_keeps_its_factors() -> None:
    scene = training_pairs(1, 0)[0]
    assert astuple(scene.retold(5)) == (*astuple(scene)[:-1], 5)


def test_spread_takes_the_point_farthest_from_those_taken() -> None:
    points = np.random.default_rng(0).random((60, 3))
    chosen = spread(points, 8)
    for count in range(1, 8):
        gaps = [min(float(np.linalg.norm(point - points[taken])) for taken in chosen[:count]) for point in points]
        assert gaps[chosen[count]] == pytest.approx(max(gaps))


def test_library_scenes_lie_farther_apart_than_random_ones() -> None:
    def nearest(points: np.ndarray) -> float:
        return min(float(np.linalg.norm(a - b)) for i, a in enumerate(points) for b in points[:i])

    random = np.random.default_rng(1)
    drawn = max(nearest(random.random((24, len(STRONG)))) for _ in range(20))
    assert nearest(strong_factors(library_scenes(24))) > 1.5 * drawn
