from pathlib import Path

from needledrop_local.importing import audio_files


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
