import os
from pathlib import Path

import pytest

from needledrop.errors import BundleError, ErrorCode
from needledrop_local import demo
from needledrop_local.__main__ import main
from needledrop_local.home import Home


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["demo", "--clip", "no-such-clip.mp4"], "no-such-clip.mp4: no such file"),
        (["demo", "--music", "no-such-folder"], "no-such-folder: no such folder"),
    ],
)
def test_own_files_that_are_not_there_end_with_a_sentence_before_anything_starts(
    arguments: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    assert capsys.readouterr().err == f"needledrop: {reason}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [["sideways"], ["up", "--port", "0"], ["up", "--port", "http"], ["down", "extra"]]
)
def test_wrong_arguments_end_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "Usage" in capsys.readouterr().err


def test_down_says_so_where_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down", "--home", str(tmp_path)]) == 0
    assert "nothing runs" in capsys.readouterr().out


def test_up_is_refused_where_the_home_is_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Home(tmp_path).lock():
        assert main(["up", "--home", str(tmp_path)]) == 1
    assert f"already runs in {tmp_path} (process {os.getpid()})" in capsys.readouterr().err


def test_a_home_that_cannot_be_made_ends_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    assert main(["up", "--home", str(tmp_path / "file" / "var")]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"needledrop: {tmp_path}/file/var")
    assert told.rstrip().endswith("Not a directory")


@pytest.mark.parametrize(
    ("in_use", "music", "home"),
    [
        (None, None, "var"),
        ("var/models/demo", None, "var"),
        ("elsewhere/mine", None, "var/apart"),
        (BundleError(ErrorCode.BUNDLE_INVALID, "it is gone"), None, "var/apart"),
        ("elsewhere/mine", Path("music"), "var/own"),
    ],
    ids=["none chosen", "the demo's", "another", "one that is gone", "own music"],
)
def test_the_demo_leaves_the_library_of_another_bundle_alone(
    in_use: str | BundleError | None, music: Path | None, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(_: Path) -> Path | None:
        if isinstance(in_use, BundleError):
            raise in_use
        return tmp_path / in_use if in_use else None

    monkeypatch.setattr(demo, "chosen", chosen)
    var = tmp_path / "var"
    assert demo.home_of(var, Home(var).demo_bundle, music) == tmp_path / home
