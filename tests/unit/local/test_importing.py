from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from needledrop_client import Client
from needledrop_local.importing import audio_files, upload_files


def test_music_is_found_in_all_folders_in_order_without_covers_lists_and_hidden_files(tmp_path: Path) -> None:
    for name in (
        "b/02.flac", "b/01.mp3", "b/cover.jpg", "a.opus", "concert.mp4", "notes.txt", "list.m3u", ".hidden.mp3",
        ".trash/old.mp3", "unknown.xyz", "B/READ.pdf",
    ):  # fmt: skip
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x")
    found = [path.relative_to(tmp_path).as_posix() for path in audio_files(tmp_path)]
    assert found == ["a.opus", "b/01.mp3", "b/02.flac", "concert.mp4", "unknown.xyz"]


def test_a_file_that_cannot_be_read_is_noted_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b.mp3").write_bytes(b"sound")
    track = SimpleNamespace(id="id-1")
    monkeypatch.setattr(Client, "library", lambda _: [])
    monkeypatch.setattr(Client, "upload_audio", lambda _, path: track)
    with Client() as client:
        done = upload_files(client, [tmp_path / "gone.mp3", tmp_path / "b.mp3"], Console(quiet=True))
    assert [(each.path.name, each.code, each.detail) for each in done.refused] == [
        ("gone.mp3", "file_unreadable", "No such file or directory")
    ]
    assert done.waiting == {tmp_path / "b.mp3": "id-1"}
