"""A folder of public files: what is right stays, what is wrong never gets in place."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from needledrop.errors import BundleError, DownloadError, ErrorCode
from needledrop_models.catalog import PublicFile
from needledrop_models.download import Patience
from needledrop_models.hashes import read_hashes
from needledrop_models.record import FetchedFile
from needledrop_models.store import FileStore
from tests.unit.models.made_up import digest
from tests.unit.models.server import Answer, FileServer, serving

BODY = b"model weights" * 100
PINNED = PublicFile("a.bin", "http://example.org/a.bin", "none", limit=1 << 20, size=len(BODY), sha256=digest(BODY))
BY_NAME = PublicFile("a.bin", "http://example.org/a.bin", "none", limit=1 << 20, sha256=digest(BODY)[:8])
UNPINNED = PublicFile("a.bin", "http://example.org/a.bin", "none", limit=1 << 20)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving({"a.bin": BODY}) as state:
        yield state


def store(server: FileServer, folder: Path) -> FileStore:
    return FileStore(folder, server.url, Patience(sleep=lambda _: None))


def fetch(server: FileServer, folder: Path, file: PublicFile) -> FetchedFile:
    return store(server, folder).fetch(file, None, lambda *_: None)


@pytest.mark.parametrize("file", [PINNED, BY_NAME])
def test_a_file_of_the_published_hash_gets_in_place(file: PublicFile, server: FileServer, tmp_path: Path) -> None:
    fetched = fetch(server, tmp_path, file)
    assert (fetched.size, fetched.sha256, fetched.pinned) == (len(BODY), digest(BODY), True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin", "fetched.json"]
    assert store(server, tmp_path).has(file)


@pytest.mark.parametrize("file", [PINNED, BY_NAME])
def test_one_flipped_bit_is_refused_with_what_was_expected_and_what_came(
    file: PublicFile, server: FileServer, tmp_path: Path
) -> None:
    wrong = bytes([BODY[0] ^ 1]) + BODY[1:]
    server.files["a.bin"] = wrong
    with pytest.raises(DownloadError) as caught:
        fetch(server, tmp_path, file)
    assert caught.value.code is ErrorCode.DOWNLOAD_FAILED
    assert caught.value.detail.startswith(f"a.bin: expected SHA-256 {file.sha256}")
    assert f"{digest(wrong)} came (1,300 bytes)" in caught.value.detail
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_file_is_not_added_to_the_next_time(server: FileServer, tmp_path: Path) -> None:
    server.files["a.bin"] = b"x" * len(BODY)
    with pytest.raises(DownloadError):
        fetch(server, tmp_path, PINNED)
    server.files["a.bin"] = BODY
    fetch(server, tmp_path, PINNED)
    assert server.asked[-1] == ("a.bin", None)


def test_a_file_without_a_published_hash_is_trusted_once_and_then_kept_to(server: FileServer, tmp_path: Path) -> None:
    assert fetch(server, tmp_path, UNPINNED).pinned is False
    (tmp_path / "a.bin").write_bytes(b"altered")
    assert not store(server, tmp_path).has(UNPINNED)
    server.files["a.bin"] = b"another file"
    with pytest.raises(DownloadError, match="which came the first time"):
        fetch(server, tmp_path, UNPINNED)
    server.files["a.bin"] = BODY
    fetch(server, tmp_path, UNPINNED)
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_file_brought_by_hand_is_taken_if_it_is_right(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(BODY)
    assert store(server, tmp_path).has(PINNED)
    assert store(server, tmp_path).has(UNPINNED)
    assert json.loads((tmp_path / "fetched.json").read_text())["files"]["a.bin"]["pinned"] is False
    (tmp_path / "a.bin").write_bytes(b"another")
    assert not store(server, tmp_path).has(PINNED)
    assert not store(server, tmp_path).has(UNPINNED)


def test_a_file_of_another_form_is_neither_kept_nor_noted(server: FileServer, tmp_path: Path) -> None:
    def refuse(path: Path, name: str) -> None:
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{name} is of another form")

    with pytest.raises(BundleError, match=r"a\.bin is of another form"):
        store(server, tmp_path).fetch(UNPINNED, refuse, lambda *_: None)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.bin").write_bytes(b"brought by hand")
    with pytest.raises(BundleError, match=r"a\.bin is of another form"):
        store(server, tmp_path).has(UNPINNED, refuse)
    assert not (tmp_path / "fetched.json").exists()


def test_a_file_that_came_under_a_list_of_hashes_is_not_taken_for_the_official_one(
    server: FileServer, tmp_path: Path
) -> None:
    server.files["a.bin"] = b"another maker's"
    fetch(server, tmp_path, UNPINNED.pinned(digest(b"another maker's")))
    assert store(server, tmp_path).has(UNPINNED.pinned(digest(b"another maker's")))
    assert not store(server, tmp_path).has(UNPINNED)
    server.files["a.bin"] = BODY
    assert fetch(server, tmp_path, UNPINNED).pinned is False
    assert store(server, tmp_path).has(UNPINNED)
    assert not store(server, tmp_path).has(UNPINNED.pinned(digest(b"another maker's")))


def test_a_file_that_was_noted_is_asked_for_its_form_again(server: FileServer, tmp_path: Path) -> None:
    """Its first fetch may have asked for less."""
    fetch(server, tmp_path, UNPINNED)

    def refuse(path: Path, name: str) -> None:
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{name} is of another form")

    with pytest.raises(BundleError, match=r"a\.bin is of another form"):
        store(server, tmp_path).has(UNPINNED, refuse)


def test_a_record_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "fetched.json").write_text("{")
    with pytest.raises(DownloadError, match=r"fetched\.json can't be read"):
        FileStore(tmp_path)


def test_a_source_that_is_neither_web_nor_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"a\.bin: the source is neither"):
        FileStore(tmp_path, "ftp://example.org/models").fetch(PINNED, None, lambda *_: None)


def test_a_broken_connection_leaves_nothing_in_place(server: FileServer, tmp_path: Path) -> None:
    server.usual = Answer(cut=10)
    with pytest.raises(DownloadError):
        fetch(server, tmp_path, PINNED)
    assert not (tmp_path / "a.bin").exists()


def test_a_list_of_hashes_is_read_as_sha256sum_writes_it(tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_text(f"{digest(b'a')}  a.bin\n{digest(b'b')} *folder/b.bin\n\n")
    assert read_hashes(tmp_path / "SHA256SUMS") == {"a.bin": digest(b"a"), "b.bin": digest(b"b")}


@pytest.mark.parametrize("content", ["abc  a.bin\n", "# hashes\n", None])
def test_a_list_of_hashes_of_another_form_is_refused(content: str | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / "SHA256SUMS").write_text(content)
    with pytest.raises(DownloadError, match="SHA256SUMS"):
        read_hashes(tmp_path / "SHA256SUMS")
