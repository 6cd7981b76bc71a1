import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from needledrop.bundle import Bundle, write_manifest
from needledrop.features import Modality
from tests.video_reference import reference_frames
from video_extractor.cli import app


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = tmp_path / "film"
    folder.mkdir()
    for index, frame in enumerate(reference_frames(2)):
        Image.fromarray(frame).save(folder / f"{index:03}.png")
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner(env={"NEEDLEDROP_DEVICE": "cpu"}).invoke(app, [str(argument) for argument in arguments])


def test_extract_writes_features_and_raw_rows_and_prints_a_line(bundle: Bundle, frames: Path, tmp_path: Path) -> None:
    result = run("extract", frames, "--bundle", bundle.root, "--out", tmp_path / "out", "--raw")
    assert result.exit_code == 0, result.output
    codes, raw = np.load(tmp_path / "out" / "film.npy"), np.load(tmp_path / "out" / "film.raw.npy")
    assert (codes.dtype, codes.shape) == (np.uint8, (2, 1024))
    assert (raw.dtype, raw.shape) == (np.float16, (2, 2048))
    assert result.stdout.strip() == f"{frames}: film.npy uint8 [2, 1024], 2.00 s"


def test_raw_rows_need_no_pca(bundle: Bundle, frames: Path, tmp_path: Path) -> None:
    run("extract", frames, "--bundle", bundle.root, "--out", tmp_path / "with", "--raw")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "inception_v3.pth").symlink_to(bundle.root / "inception_v3.pth")
    side = bundle.video.model_copy(update={"pca": None, "dim": 2048})
    write_manifest(tmp_path / "bundle", bundle.manifest.model_copy(update={"video": side}))
    result = run("extract", frames, tmp_path, "--bundle", tmp_path / "bundle", "--out", tmp_path / "out", "--raw")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{frames}: film.raw.npy float16 [2, 2048], 2.00 s",
        f"{tmp_path}: no_video: the folder holds no numbered images (000.jpg, 001.jpg, …)",
    ]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["film.raw.npy"]
    kept = np.load(tmp_path / "with" / "film.raw.npy")
    np.testing.assert_allclose(np.load(tmp_path / "out" / "film.raw.npy"), kept, rtol=1e-3)


def test_features_without_a_pca_are_refused_in_plain_words(bundle: Bundle, frames: Path, tmp_path: Path) -> None:
    side = bundle.video.model_copy(update={"pca": None})
    write_manifest(tmp_path, bundle.manifest.model_copy(update={"video": side}))
    result = run("extract", frames, "--bundle", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "video side has no PCA yet" in result.stderr


def test_a_path_that_can_not_be_used_is_told_and_the_others_are_done(
    bundle: Bundle, frames: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"not a film")
    bad = [tmp_path / "broken.mp4", tmp_path / "absent.mp4"]
    result = run("extract", *bad, frames, "--bundle", bundle.root, "--out", tmp_path / "out", "--raw")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line.partition(": ")[2].partition(": ")[0] for line in lines[:2]] == ["media_unreadable"] * 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["film.npy", "film.raw.npy"]


def test_a_bundle_that_is_not_there_is_told_with_its_code(frames: Path, tmp_path: Path) -> None:
    result = run("extract", frames, "--bundle", tmp_path / "none", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith("bundle_invalid: ")


@pytest.mark.parametrize("module", ["video_extractor.cli", "video_extractor.worker"])
def test_pytorch_is_not_imported_before_it_is_needed(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=False).returncode
        == 0
    )


def test_fast_features_have_names_of_their_own_and_say_their_space(
    bundle: Bundle, frames: Path, tmp_path: Path
) -> None:
    result = run("extract", frames, "--bundle", bundle.root, "--out", tmp_path / "out", "--fast")
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["film.fast.npy"]
    assert result.stdout.strip() == f"{frames}: film.fast.npy uint8 [2, 1024], 2.00 s"
    assert bundle.space(Modality.VIDEO).id not in result.stderr
    assert "feature space video-" in result.stderr


def test_a_pca_is_not_fitted_on_fast_frames(bundle: Bundle, frames: Path, tmp_path: Path) -> None:
    result = run("extract", frames, "--bundle", bundle.root, "--out", tmp_path / "out", "--fast", "--raw")
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()
