import errno
import hashlib
import json
import os
import shutil
import tarfile
import time
from io import BufferedReader
from pathlib import Path
from typing import Any

import pytest
import zstandard

from needledrop.bundle import Bundle, FileRef, Manifest, MetricPart, SidePart, write_manifest
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Modality
from needledrop_models.archive import open_bundle, pack

FILES = {"net.bin": b"weights", "audio.npz": b"pca", "video.npz": b"vpca", "metric.bin": b"metric"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole bundle of small made-up files."""
    root = tmp_path / "bundle"
    root.mkdir()
    for name, data in FILES.items():
        (root / name).write_bytes(data)
    audio, video = side(root, "audio.npz", 128), side(root, "video.npz", 1024)
    metric = MetricPart(
        kind="va_metric",
        weights=FileRef.of(root, "metric.bin"),
        config={"window_s": 10},
        audio_space=audio.space(Modality.AUDIO).id,
        video_space=video.space(Modality.VIDEO).id,
    )
    write_manifest(root, Manifest(name="made-up", audio=audio, video=video, metric=metric))
    return root


def side(root: Path, pca: str, dim: int) -> SidePart:
    return SidePart(
        backbone="net",
        files=(FileRef.of(root, "net.bin"),),
        pca=FileRef.of(root, pca),
        preprocessing="seed",
        hop_s=1.0,
        dim=dim,
    )


def edit(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / "bundle.json").read_text())
    # By hand, as a person would.
    manifest.pop("checksum", None)
    (folder / "bundle.json").write_text(json.dumps({**manifest, **changes}))


def code_of(folder: Path) -> tuple[ErrorCode, str]:
    with pytest.raises(BundleError) as caught:
        Bundle.load(folder).verify()
    return caught.value.code, caught.value.detail


def test_a_whole_bundle_loads_and_verifies(folder: Path) -> None:
    bundle = Bundle.load(folder)
    bundle.verify()
    assert bundle.metric.id.startswith("va_metric-")
    assert bundle.space(Modality.AUDIO).id == bundle.metric.audio_space


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_is_found_and_the_file_is_named(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[0] ^= 1
    (folder / name).write_bytes(data)
    code, detail = code_of(folder)
    assert code is ErrorCode.BUNDLE_INVALID
    assert name in detail


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "video.npz").unlink()
    assert "video.npz" in code_of(folder)[1]


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    code, detail = code_of(tmp_path)
    assert code is ErrorCode.BUNDLE_INVALID
    assert detail == f"no model bundle in '{tmp_path.name}': bundle.json can't be read (No such file or directory)"


@pytest.mark.parametrize(
    "changes",
    [{"schema_version": 2}, {"name": None}, {"surprise": 1}, {"audio": {"backbone": "net"}}],
    ids=lambda c: next(iter(c)),
)
def test_a_manifest_of_another_shape_is_refused(folder: Path, changes: dict[str, object]) -> None:
    edit(folder, **changes)
    code, detail = code_of(folder)
    assert code is ErrorCode.BUNDLE_INVALID
    assert next(iter(changes)) in detail


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret", "a/../../b", ""])
def test_a_path_that_leaves_the_bundle_is_refused(folder: Path, path: str) -> None:
    metric = json.loads((folder / "bundle.json").read_text())["metric"]
    metric["weights"]["path"] = path
    edit(folder, metric=metric)
    assert code_of(folder)[0] is ErrorCode.BUNDLE_INVALID


def test_a_metric_of_other_spaces_is_refused(folder: Path) -> None:
    metric = json.loads((folder / "bundle.json").read_text())["metric"]
    edit(folder, metric={**metric, "audio_space": "audio-ffffffffffff"})
    assert code_of(folder)[0] is ErrorCode.SPACE_MISMATCH


def test_a_bundle_with_one_side_loads_but_lacks_the_other(folder: Path) -> None:
    edit(folder, video=None, metric=None)
    bundle = Bundle.load(folder)
    bundle.verify()
    with pytest.raises(BundleError, match="holds no video side"):
        _ = bundle.video


def test_a_side_without_a_pca_verifies_but_has_no_space_yet(folder: Path) -> None:
    video = json.loads((folder / "bundle.json").read_text())["video"]
    edit(folder, video={key: value for key, value in video.items() if key != "pca"}, metric=None)
    bundle = Bundle.load(folder)
    bundle.verify()
    for ask in (bundle.space, bundle.pca):
        with pytest.raises(BundleError, match="video side has no PCA yet"):
            ask(Modality.VIDEO)


def test_another_configuration_is_another_metric(folder: Path) -> None:
    before = Bundle.load(folder).metric.id
    metric = json.loads((folder / "bundle.json").read_text())["metric"]
    edit(folder, metric={**metric, "config": {"window_s": 5}})
    assert Bundle.load(folder).metric.id != before


def test_a_packed_bundle_opens_to_the_same_files(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "copy.tar.zst"
    pack(folder, archive)
    bundle = open_bundle(archive)
    bundle.verify()
    assert {path.name: path.read_bytes() for path in bundle.root.iterdir() if path.name in FILES} == FILES
    assert open_bundle(archive).manifest == open_bundle(folder).manifest


def test_an_archive_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "evil.tar.zst"
    with (
        archive.open("wb") as raw,
        zstandard.ZstdCompressor().stream_writer(raw) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        member = tarfile.TarInfo("../escaped")
        tar.addfile(member)
    with pytest.raises(BundleError):
        open_bundle(archive)
    assert not (tmp_path.parent / "escaped").exists()


def test_a_damaged_archive_is_refused(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "cut.tar.zst"
    pack(folder, archive)
    archive.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(BundleError):
        open_bundle(archive)


def packed(folder: Path, archive: Path, name: str = "made-up") -> Path:
    """The bundle as an archive, under a name that tells it from others."""
    edit(folder, name=name)
    pack(folder, archive)
    return archive


def test_a_replaced_archive_is_unpacked_anew(folder: Path, tmp_path: Path) -> None:
    archive = packed(folder, tmp_path / "copy.tar.zst")
    open_bundle(archive)
    packed(folder, archive, "another")
    bundle = open_bundle(archive)
    assert bundle.manifest.name == "another"
    bundle.verify()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "copy", "copy.tar.zst"]


def test_an_archive_replaced_by_garbage_is_refused(folder: Path, tmp_path: Path) -> None:
    archive = packed(folder, tmp_path / "copy.tar.zst")
    open_bundle(archive)
    archive.write_bytes(b"garbage")
    with pytest.raises(BundleError, match=r"copy\.tar\.zst can't be unpacked"):
        open_bundle(archive)
    assert open_bundle(tmp_path / "copy").manifest.name == "made-up"


def test_an_archive_that_is_gone_is_told(folder: Path, tmp_path: Path) -> None:
    archive = packed(folder, tmp_path / "copy.tar.zst")
    open_bundle(archive)
    archive.unlink()
    with pytest.raises(BundleError, match=r"copy\.tar\.zst can't be read: No such file"):
        open_bundle(archive)


def test_an_archive_of_the_same_size_and_time_is_told_by_its_hash_where_that_is_asked_for(
    folder: Path, tmp_path: Path
) -> None:
    archive = packed(folder, tmp_path / "copy.tar.zst")
    open_bundle(archive)
    before, data = archive.stat(), bytearray(archive.read_bytes())
    data[-30] ^= 1
    archive.write_bytes(data)
    os.utime(archive, ns=(before.st_atime_ns, before.st_mtime_ns))
    open_bundle(archive)
    with pytest.raises(BundleError, match="can't be unpacked"):
        open_bundle(archive, strict=True)


def test_the_same_archive_under_another_time_is_hashed_once_and_not_unpacked_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = packed(folder, tmp_path / "copy.tar.zst")
    open_bundle(archive)
    os.utime(archive, (1, 1))
    made, hashed, digest = (tmp_path / "copy").stat().st_ino, [], hashlib.file_digest

    def spy(file: BufferedReader, name: str) -> Any:
        hashed.append(Path(file.name).name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", spy)
    for _ in range(2):
        assert open_bundle(archive).root.stat().st_ino == made
    assert hashed.count(archive.name) == 1


@pytest.mark.parametrize("unpacked", [False, True])
def test_a_folder_that_is_not_what_was_unpacked_is_neither_taken_nor_replaced(
    unpacked: bool, folder: Path, tmp_path: Path
) -> None:
    """One that was there before, and one that its user changed since."""
    archive = packed(folder, tmp_path / "copy.tar.zst", "packed")
    root = open_bundle(archive).root if unpacked else shutil.copytree(folder, tmp_path / "copy")
    write_manifest(root, Bundle.load(root).manifest.model_copy(update={"name": "mine"}))
    packed(folder, archive, "another")
    with pytest.raises(BundleError, match=r"the folder copy beside copy\.tar\.zst was not unpacked from it"):
        open_bundle(archive)
    assert open_bundle(tmp_path / "copy").manifest.name == "mine"


def test_the_note_of_the_archive_is_packed_into_no_other(folder: Path, tmp_path: Path) -> None:
    bundle = open_bundle(packed(folder, tmp_path / "copy.tar.zst"))
    bundle.verify()
    other = open_bundle(packed(bundle.root, tmp_path / "other.tar.zst"))
    assert sorted(path.name for path in other.root.iterdir()) == [".unpacked.json", *sorted([*FILES, "bundle.json"])]
    assert (other.root / ".unpacked.json").read_bytes() != (bundle.root / ".unpacked.json").read_bytes()


def test_an_archive_where_nothing_can_be_written_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = packed(folder, tmp_path / "copy.tar.zst")

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(BundleError, match=r"copy\.tar\.zst can't be unpacked: Read-only file system$"):
        open_bundle(archive)


@pytest.mark.parametrize("replaced", [False, True])
def test_of_two_processes_that_unpack_at_once_the_slower_takes_what_the_faster_made(
    replaced: bool, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = packed(folder, tmp_path / "copy.tar.zst", "old")
    if replaced:
        open_bundle(archive)
    packed(folder, archive, "new")
    verify, inodes = Bundle.verify, []

    def meanwhile(bundle: Bundle) -> None:
        monkeypatch.undo()
        inodes.append(open_bundle(archive).root.stat().st_ino)
        verify(bundle)

    monkeypatch.setattr(Bundle, "verify", meanwhile)
    bundle = open_bundle(archive)
    assert bundle.manifest.name == "new"
    assert [bundle.root.stat().st_ino] == inodes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "copy", "copy.tar.zst"]


def test_what_a_killed_process_staged_long_ago_is_removed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".copy.killed.part").mkdir()
    archive = packed(folder, tmp_path / "copy.tar.zst")
    open_bundle(archive)
    assert (tmp_path / ".copy.killed.part").is_dir()
    packed(folder, archive, "another")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86401)
    open_bundle(archive)
    assert not (tmp_path / ".copy.killed.part").exists()


def test_files_that_are_hashed_ahead_are_taken_once_and_hashed_anew_after(folder: Path) -> None:
    bundle = Bundle.load(folder)
    (ref,) = bundle.video.files
    bundle.check_ahead(Modality.VIDEO)
    assert bundle.file(ref) == folder / "net.bin"
    assert bundle.pca(Modality.VIDEO) == folder / "video.npz"
    (folder / "net.bin").write_bytes(b"altered")
    with pytest.raises(BundleError, match="not the file"):
        bundle.file(ref)


@pytest.mark.parametrize(("change", "said"), [(b"altered", "not the file"), (None, "lacks net.bin")])
def test_what_is_wrong_with_a_file_that_is_hashed_ahead_is_said_where_it_is_asked_for(
    folder: Path, change: bytes | None, said: str
) -> None:
    bundle = Bundle.load(folder)
    (folder / "net.bin").unlink()
    if change:
        (folder / "net.bin").write_bytes(change)
    bundle.check_ahead(Modality.AUDIO)
    assert bundle.pca(Modality.AUDIO) == folder / "audio.npz"
    with pytest.raises(BundleError, match=said):
        bundle.file(bundle.audio.files[0])


def test_a_side_that_is_not_there_can_not_be_hashed_ahead(folder: Path) -> None:
    edit(folder, video=None, metric=None)
    with pytest.raises(BundleError, match="no video side"):
        Bundle.load(folder).check_ahead(Modality.VIDEO)
