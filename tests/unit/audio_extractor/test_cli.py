"""The command: extract and make-demo, and how they fail."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from audio_extractor.cli import app
from audio_extractor.demo import PAIR_SECONDS
from audio_extractor.extractor import load
from needledrop.bundle import Bundle, Manifest, SidePart, write_manifest
from needledrop.features import matrix_from_bytes
from needledrop.settings import CoreSettings
from needledrop_demo import render_music, training_pairs
from tests.unit.audio_extractor.fakes import opener
from tests.unit.audio_extractor.signals import signals

pytestmark = pytest.mark.usefixtures("logging_restored")
PAIRS = 3


def run(*arguments: str | int | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that make-demo wrote, completed to a bundle; its weights go at the end."""
    folder = tmp_path_factory.mktemp("demo")
    result = run("make-demo", "--out", folder, "--pairs", PAIRS, "--seed", 5)
    assert result.exit_code == 0, result.output
    audio = SidePart.model_validate_json((folder / "audio.json").read_text())
    write_manifest(folder, Manifest(name="demo", untrained_backbones=True, audio=audio))
    yield folder
    for path in folder.glob("*.ckpt.*"):
        path.unlink()


def test_extract_writes_a_matrix_and_a_line_for_each_file(side: Path, tmp_path: Path) -> None:
    paths = [signals()[name].write(tmp_path / f"{name}.wav") for name in ("chord_16k_mono_5s5", "silence_16k_mono_2s")]
    result = run("extract", *paths, "--bundle", side, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"{paths[0]}: chord_16k_mono_5s5.npy uint8 [5, 128], 5.50 s",
        f"{paths[1]}: silence_16k_mono_2s.npy uint8 [2, 128], 2.00 s",
    ]
    matrix = matrix_from_bytes((tmp_path / "out" / "chord_16k_mono_5s5.npy").read_bytes(), 128)
    assert len(matrix) == 5


def test_extract_goes_on_after_a_file_that_fails_and_ends_with_status_1(side: Path, tmp_path: Path) -> None:
    bad, short = tmp_path / "bad.mp3", signals()["short_16k_mono_0s5"].write(tmp_path / "short.wav")
    bad.write_bytes(b"no sound at all" * 50)
    good = signals()["silence_16k_mono_2s"].write(tmp_path / "good.wav")
    result = run("extract", tmp_path / "absent.wav", bad, short, good, "--bundle", side, "--out", tmp_path / "out")
    assert result.exit_code == 1
    codes = [line.removeprefix(f"{tmp_path}/").split(": ")[1] for line in result.stdout.splitlines()]
    assert codes == ["media_unreadable", "media_unreadable", "media_too_short", "good.npy uint8 [2, 128], 2.00 s"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.npy"]


def test_extract_without_a_bundle_says_so_and_ends_with_status_1(tmp_path: Path) -> None:
    result = run("extract", tmp_path / "a.wav", "--bundle", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith("bundle_invalid: no model bundle")
    assert result.stdout == ""


def test_make_demos_training_features_are_those_of_the_generated_music(side: Path, tmp_path: Path) -> None:
    with np.load(side / "training" / "audio.npz", allow_pickle=False) as training:
        codes, offsets = training["codes"], training["offsets"]
        assert training["pair"].tolist() == list(range(PAIRS))
        assert training["hop_s"] == 0.96
    assert codes.dtype == np.uint8
    assert offsets.tolist() == [0, 10, 20, 30]
    music = render_music(training_pairs(PAIRS, 5)[1], PAIR_SECONDS)
    extractor = load(Bundle.load(side), CoreSettings())
    extractor._open = opener(music)
    file = tmp_path / "any"
    file.touch()
    np.testing.assert_array_equal(extractor.extract(file, lambda _: None).features, codes[10:20])


def test_make_demo_leaves_a_finished_bundle_alone(side: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in side.rglob("*")}
    result = run("make-demo", "--out", side, "--pairs", PAIRS, "--seed", 6)
    assert result.exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in side.rglob("*")} == before


def test_the_command_and_the_worker_start_without_tensorflow() -> None:
    code = "import audio_extractor.cli, audio_extractor.worker, sys; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
