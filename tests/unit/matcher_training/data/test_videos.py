import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.made_up import bundle as made_up_bundle

from matcher_training.data import Pairs, read_pairs
from matcher_training.data.videos import VideoSource, videos_layout
from needledrop.bundle import Bundle, FileRef, write_manifest
from needledrop.errors import BundleError, FeatureError
from needledrop.features import Modality
from needledrop_models.video_pca import VideoPca


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with stand-ins for the two commands, found in place of the real ones."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for modality in Modality:
        program = folder / f"{modality}-extractor"
        program.write_text(f"#!{sys.executable}\n" + Path(__file__).with_name("fake_extractor.py").read_text())
        program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five videos that work, two that fail, one that is there twice, and a text."""
    root = tmp_path / "videos"
    (root / "more").mkdir(parents=True)
    for name in ("one.mp4", "two.webm", "three words & a 'quote'.mkv", "more/-four.MOV", "more/five.mp4"):
        (root / name).write_bytes(f"content of {name}".encode())
    (root / "again.mp4").write_bytes(b"content of two.webm")
    (root / "mute.mp4").write_bytes(b"fails no_audio")
    (root / "dark.mp4").write_bytes(b"fails codec_unsupported")
    (root / "notes.txt").write_text("no video")
    return root


@pytest.fixture
def source(tmp_path: Path) -> VideoSource:
    (tmp_path / "bundle").mkdir()
    made_up_bundle(tmp_path / "bundle")
    return VideoSource(tmp_path / "bundle", tmp_path / "cache", components=8)


def read(folder: Path, source: VideoSource) -> Pairs:
    return read_pairs([folder], videos=lambda path: videos_layout(path, source))


def without_pca(source: VideoSource) -> VideoSource:
    bundle = Bundle.load(source.bundle)
    video = bundle.video.model_copy(update={"pca": None, "dim": 12})
    write_manifest(source.bundle, bundle.manifest.model_copy(update={"video": video, "metric": None}))
    return source


def calls(programs: Path) -> list[str]:
    return sorted(f"{path.stem} {line}" for path in programs.glob("*.calls") for line in path.read_text().split())


def test_both_sides_of_every_video_that_works_make_a_pair(programs: Path, folder: Path, source: VideoSource) -> None:
    said: list[str] = []
    pairs = read(folder, replace(source, report=said.append))

    assert pairs.ids is not None
    assert sorted(pairs.ids.tolist()) == ["-four", "again", "five", "one", "three words & a 'quote'"]
    assert (pairs.video.hop_s, pairs.audio.hop_s) == (1.0, 0.96)
    bundle = Bundle.load(source.bundle)
    assert pairs.video.space == bundle.space(Modality.VIDEO).id
    assert pairs.audio.space == bundle.space(Modality.AUDIO).id
    assert "mute.mp4: left out, no_audio: said the extractor: and more" in said
    assert "dark.mp4: left out, codec_unsupported: said the extractor: and more" in said
    assert "two.webm: left out, it is the same file as again.mp4" in said


def test_a_second_run_extracts_nothing_and_reads_the_same(programs: Path, folder: Path, source: VideoSource) -> None:
    first = read(folder, source)
    done = calls(programs)
    said: list[str] = []
    second = read(folder, replace(source, report=said.append))

    assert done == ["audio 7", "video 6"]
    assert calls(programs) == done
    np.testing.assert_array_equal(first.video.codes, second.video.codes)
    np.testing.assert_array_equal(first.audio.codes, second.audio.codes)
    assert any("mute.mp4: left out, no_audio" in line for line in said)


def test_a_renamed_video_is_known_and_a_changed_one_is_not(programs: Path, folder: Path, source: VideoSource) -> None:
    read(folder, source)
    before = calls(programs)
    shutil.move(folder / "one.mp4", folder / "renamed.mp4")
    read(folder, source)
    assert calls(programs) == before
    (folder / "renamed.mp4").write_bytes(b"other content")
    read(folder, source)
    assert calls(programs) == sorted([*before, "audio 1", "video 1"])


def test_a_crash_of_the_decoder_is_tried_again_the_next_time(programs: Path, folder: Path, source: VideoSource) -> None:
    (folder / "dark.mp4").write_bytes(b"fails decoder_crashed")
    read(folder, source)
    read(folder, source)

    assert calls(programs) == ["audio 7", "video 1", "video 6"]


def test_without_a_pca_in_the_bundle_one_is_fitted_and_kept(
    programs: Path, folder: Path, source: VideoSource, tmp_path: Path
) -> None:
    bare = without_pca(source)
    first = read(folder, bare)
    [path] = (tmp_path / "cache").glob("video-raw-*/video_pca.npz")
    fitted = path.read_bytes()
    second = read(folder, bare)

    assert first.video.dim == 8
    assert first.video.codes.dtype == np.uint8
    assert path.read_bytes() == fitted
    np.testing.assert_array_equal(first.video.codes, second.video.codes)
    assert calls(programs) == ["audio 7", "video 6"]
    raw = sorted((tmp_path / "cache").glob("video-raw-*/*.npy"))
    pca = VideoPca.load(path)
    codes = {pca.codes(np.load(path)).tobytes() for path in raw}
    assert {first.video[i].tobytes() for i in range(5)} == codes


def test_a_pca_fitted_on_one_backbones_rows_is_not_used_on_anothers(
    programs: Path, folder: Path, source: VideoSource, tmp_path: Path
) -> None:
    first = read(folder, without_pca(source))
    bundle = Bundle.load(source.bundle)
    other = bundle.video.model_copy(update={"preprocessing": "imagenet"})
    write_manifest(source.bundle, bundle.manifest.model_copy(update={"video": other}))
    said: list[str] = []
    second = read(folder, replace(source, report=said.append))

    assert any("fitted on" in line for line in said)
    assert len(list((tmp_path / "cache").glob("video-raw-*/video_pca.npz"))) == 2
    assert first.video.space != second.video.space


def test_a_given_pca_takes_the_place_of_the_bundles_and_makes_another_space(
    programs: Path, folder: Path, source: VideoSource, tmp_path: Path
) -> None:
    own = replace(source, pca=tmp_path / "own.npz")

    pairs = read(folder, own)

    assert (tmp_path / "own.npz").exists()
    bundle = Bundle.load(source.bundle)
    assert pairs.video.space not in (None, bundle.space(Modality.VIDEO).id)
    completed = bundle.video.model_copy(update={"pca": FileRef.of(tmp_path, "own.npz"), "dim": 8})
    assert pairs.video.space == completed.space(Modality.VIDEO).id
    assert not list((tmp_path / "cache").rglob("video_pca.npz"))


def test_too_few_rows_for_a_pca_are_refused_with_both_counts(programs: Path, folder: Path, source: VideoSource) -> None:
    for name in ("two.webm", "again.mp4", "one.mp4", "more/five.mp4"):
        (folder / name).unlink()
    with pytest.raises(FeatureError, match=r"\d+ rows are too few for 12 components"):
        read(folder, replace(without_pca(source), components=12))


def test_an_extractor_that_cannot_start_is_a_clear_error(programs: Path, folder: Path, source: VideoSource) -> None:
    (programs / "broken").touch()
    with pytest.raises(BundleError, match="could not start: bundle_invalid: the bundle lacks something"):
        read(folder, source)
    (programs / "broken").unlink()
    assert len(read(folder, source)) == 5


def test_an_extractor_that_is_not_installed_is_a_clear_error(
    programs: Path, folder: Path, source: VideoSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    (programs / "audio-extractor").unlink()
    with pytest.raises(BundleError, match="audio-extractor is not installed here"):
        read(folder, source)


def test_damaged_features_in_the_cache_are_refused(programs: Path, folder: Path, source: VideoSource) -> None:
    read(folder, source)
    next((source.cache).glob("audio-*/*.npy")).write_bytes(b"damaged")
    with pytest.raises(FeatureError, match=r"the cached audio features of .* are damaged"):
        read(folder, source)


def test_a_folder_without_videos_or_with_none_that_works_is_refused(
    programs: Path, tmp_path: Path, source: VideoSource
) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").touch()
    (tmp_path / "mute").mkdir()
    (tmp_path / "mute" / "a.mp4").write_bytes(b"fails no_audio")
    with pytest.raises(FeatureError, match="texts holds no video"):
        read(tmp_path / "texts", source)
    with pytest.raises(FeatureError, match="none of the 1 videos in mute can be used"):
        read(tmp_path / "mute", source)
