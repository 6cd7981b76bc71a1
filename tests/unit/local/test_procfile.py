from pathlib import Path

import pytest

from needledrop_local.errors import LocalError
from needledrop_local.procfile import read_procfile
from needledrop_local.stack import PROCFILE


def test_names_and_commands_come_in_the_files_order(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "Procfile").write_text("# comment\nb: matcher api --title 'two words'\n\na-1: matcher worker\n")
    matcher = str(programs / "matcher")
    assert list(read_procfile(tmp_path / "Procfile").items()) == [
        ("b", [matcher, "api", "--title", "two words"]),
        ("a-1", [matcher, "worker"]),
    ]


def test_the_projects_procfile_names_the_six_processes() -> None:
    lines = PROCFILE.read_text().splitlines()
    assert lines == [
        "api: matcher api",
        "dispatcher: matcher dispatcher",
        "matcher-worker: matcher worker",
        "trainer: matcher trainer",
        "audio-extractor: audio-extractor worker",
        "video-extractor: video-extractor worker",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x: no-such-program-here worker", "no-such-program-here"),
        ("a: matcher api\na: matcher worker", "unique"),
        ("nothing that names a process", "names no process"),
    ],
)
def test_a_procfile_that_cannot_be_used_is_refused(tmp_path: Path, programs: Path, text: str, reason: str) -> None:
    (tmp_path / "Procfile").write_text(text)
    with pytest.raises(LocalError, match=reason):
        read_procfile(tmp_path / "Procfile")


def test_an_absent_procfile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="can't be read"):
        read_procfile(tmp_path / "Procfile")
