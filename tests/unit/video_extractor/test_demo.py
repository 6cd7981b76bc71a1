from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from needledrop.bundle import Bundle, Manifest, SidePart, write_manifest
from needledrop.settings import CoreSettings
from needledrop_demo import training_pairs
from video_extractor.demo import make_video_side, scene_frames
from video_extractor.extractor import load

CPU = CoreSettings(device="cpu")
PAIRS = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    make_video_side(root, PAIRS, 5, CPU)
    return root


def side(root: Path) -> SidePart:
    return SidePart.model_validate_json((root / "video.json").read_text())


def test_the_side_loads_and_gives_the_codes_that_the_metric_is_trained_on(made: Path, tmp_path: Path) -> None:
    extractor = load(Bundle(made, Manifest(name="demo", video=side(made))), CPU)
    with np.load(made / "training" / "video.npz", allow_pickle=False) as training:
        codes = training["codes"][training["offsets"][2] : training["offsets"][3]]
    for index, frame in enumerate(scene_frames(training_pairs(PAIRS, 5)[2])):
        Image.fromarray(frame).save(tmp_path / f"{index}.png")
    found = extractor.extract(tmp_path, lambda _: None).features
    off = np.abs(found.astype(int) - codes.astype(int))
    assert (off == 0).mean() >= 0.99
    assert off.max() <= 1


def test_the_training_file_has_the_agreed_fields(made: Path) -> None:
    with np.load(made / "training" / "video.npz", allow_pickle=False) as training:
        assert training["codes"].dtype == np.uint8
        assert training["codes"].shape == (training["offsets"][-1], 1024)
        assert training["offsets"].dtype == training["pair"].dtype == np.int64
        assert training["offsets"].tolist() == [0, 2, 4, 6]
        assert training["pair"].tolist() == [0, 1, 2]
        assert training["hop_s"] == 1.0


def test_scenes_get_different_codes_that_do_not_clip(made: Path) -> None:
    with np.load(made / "training" / "video.npz", allow_pickle=False) as training:
        codes = training["codes"].reshape(PAIRS, 2, 1024).astype(float)
    within = np.abs(codes - codes.mean(axis=1, keepdims=True)).mean()
    between = np.abs(codes.mean(axis=1) - codes.mean(axis=(0, 1))).mean()
    assert between > within
    assert ((codes == 0) | (codes == 255)).mean() < 0.05


def test_the_same_seed_makes_the_same_side(made: Path, tmp_path: Path) -> None:
    make_video_side(tmp_path, PAIRS, 5, CPU)
    assert side(tmp_path).files == side(made).files
    again, before = (np.load(root / "training" / "video.npz")["codes"].astype(int) for root in (tmp_path, made))
    assert np.abs(again - before).max() <= 1


def test_a_finished_bundle_is_left_alone(tmp_path: Path) -> None:
    write_manifest(tmp_path, Manifest(name="done"))
    make_video_side(tmp_path, PAIRS, 5, CPU)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.json"]
