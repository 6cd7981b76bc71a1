"""`needledrop-train fit`, and what it leaves for `evaluate` to measure."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests import made_up
from typer.testing import CliRunner

from matcher_training.cli import app
from matcher_training.commands.choices import apart
from matcher_training.data import read_pairs
from matcher_training.evaluation.figures import Report
from needledrop.metric import MetricCard

COUNT = 120


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = made_up.pairs(COUNT, video_dim=10, audio_dim=6)
    path = tmp_path_factory.mktemp("data") / "pairs.npz"
    np.savez(
        path,
        video=pairs.video.codes.reshape(COUNT, -1, 10),
        audio=pairs.audio.codes.reshape(COUNT, -1, 6),
        audio_hop_s=0.96,
    )
    return path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_pairs_that_are_held_out_are_the_same_in_both_commands_and_never_trained_on(data: Path) -> None:
    pairs = read_pairs([data])
    train, test = apart(pairs, 30)
    again = apart(pairs, 30)
    assert (len(train), len(test)) == (90, 30)
    assert set(train.video_index) | set(test.video_index) == set(range(COUNT))
    assert np.array_equal(test.video_index, again[1].video_index)
    assert not np.array_equal(test.video_index, np.arange(30))


def test_fit_leaves_out_and_evaluate_takes_what_is_held_out(data: Path, tmp_path: Path) -> None:
    run("fit", "--data", data, "--hold-out", 30, "--out", tmp_path / "m", "--source", "made up; CC0")
    card = MetricCard.load(tmp_path / "m")
    assert card.training["pairs"] + card.training["held_out"]["gallery"] == 90
    assert card.training["source"] == "made up; CC0"
    printed = run(
        "evaluate", "--data", data, "--hold-out", 30, "--metric", tmp_path / "m", "--gallery", "all", "--record",
        "--json", tmp_path / "r.json",
    )  # fmt: skip

    report = Report.model_validate_json((tmp_path / "r.json").read_text())
    assert report.pairs == 30
    assert "| m | all | 30 |" in printed
    (figures,) = MetricCard.load(tmp_path / "m").training["measured"]["figures"]
    gallery = report.metrics[0].subsets[0].galleries[0]
    assert (figures["subset"], figures["gallery"]) == ("all", 30)
    assert figures["picture_to_sound"]["recall_at_5"][0] == pytest.approx(
        gallery.picture_to_sound.recall_at_5.mean, abs=1e-4
    )


@pytest.mark.parametrize("recipe", ["needledrop", "va_metric2"])
def test_fit_on_all_pairs_holds_nothing_out_and_says_so(data: Path, tmp_path: Path, recipe: str) -> None:
    out = tmp_path / "m"
    printed = run("fit", "--data", data, "--recipe", recipe, "--all-pairs", "--bits", 5, "--out", out)
    card = MetricCard.load(out)
    assert card.training["pairs"] == COUNT
    assert "held_out" not in card.training
    assert f"{COUNT} pairs; none held out" in printed
    run("evaluate", "--data", data, "--metric", out, "--gallery", "all", "--record")
    assert MetricCard.load(out).training["measured"]["pairs"] == COUNT


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_comes_to_the_same_metric(data: Path, tmp_path: Path) -> None:
    recipe = "va_metric2"
    whole, cut = tmp_path / "whole" / "m", tmp_path / "cut" / "m"
    run("fit", "--data", data, "--recipe", recipe, "--out", whole)
    _kill_after_some_epochs(data, recipe, cut)
    assert not (cut / "metric.json").exists()
    run("fit", "--data", data, "--recipe", recipe, "--out", cut)
    assert MetricCard.load(cut).weights.sha256 == MetricCard.load(whole).weights.sha256


def _kill_after_some_epochs(data: Path, recipe: str, out: Path) -> None:
    command: list[str | Path] = [
        Path(sys.executable).with_name("needledrop-train"),
        "fit",
        "--data",
        data,
        "--recipe",
        recipe,
    ]
    with subprocess.Popen([*command, "--out", out], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("3/40"):
                break
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
