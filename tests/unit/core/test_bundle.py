import json
import tarfile
from pathlib import Path

import pytest
import zstandard

from needledrop.archive import open_bundle, pack
from needledrop.bundle import Bundle, FileRef, Manifest, MetricPart, SidePart, write_manifest
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Modality

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
    manifest.pop("checksum")
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
