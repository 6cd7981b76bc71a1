import random
from pathlib import Path

import numpy as np
import pytest
from tests.shared import require_shared
from tests.unit.matcher_training.data.test_tfrecord import record

from matcher_training.data import read_pairs
from matcher_training.data.tf_example import parse_example
from matcher_training.data.tfrecord import read_records
from matcher_training.data.youtube8m import MUSIC_LABELS, read_youtube8m
from needledrop.errors import FeatureError

LABELS = [[3, 7], [], [11], [0, 14, 200], [1], [9], [2, 5]]


def test_video_level_records_of_tensorflow_give_the_two_means(tfrecords: Path) -> None:
    pairs = read_pairs([tfrecords / "video"])

    with np.load(tfrecords / "expected.npz") as expected:
        np.testing.assert_array_equal(pairs.video.codes, expected["rgb"].astype(np.float32))
        np.testing.assert_array_equal(pairs.audio.codes, expected["audio"].astype(np.float32))
    assert pairs.ids is not None
    assert pairs.ids.tolist() == [f"vid{i}" for i in range(7)]


def test_frame_level_records_of_tensorflow_give_a_row_a_second(tfrecords: Path) -> None:
    pairs = read_pairs([tfrecords / "frame"])

    assert pairs.video.codes.dtype == pairs.audio.codes.dtype == np.uint8
    assert pairs.video.hop_s == pairs.audio.hop_s == 1.0
    with np.load(tfrecords / "expected.npz") as expected:
        for i in range(7):
            np.testing.assert_array_equal(pairs.video[i], expected["rgb_frames"][i])
            np.testing.assert_array_equal(pairs.audio[i], expected["audio_frames"][i])


@pytest.mark.parametrize("level", ["video", "frame"])
def test_labels_say_what_is_music_and_files_are_groups(tfrecords: Path, level: str) -> None:
    pairs = read_pairs([tfrecords / level])
    own = read_pairs([tfrecords / level], music_labels={11, 200})

    assert pairs.labels is not None
    assert [pairs.labels[i].tolist() for i in range(7)] == LABELS
    assert pairs.music is not None
    assert pairs.music.tolist() == [True, False, False, True, False, True, False]
    assert own.music is not None
    assert own.music.tolist() == [False, False, True, True, False, False, False]
    assert pairs.groups is not None
    assert pairs.groups.tolist() == [0, 0, 0, 0, 1, 1, 1]


def test_files_are_numbered_through_over_all_paths(tfrecords: Path) -> None:
    pairs = read_pairs([tfrecords / "video" / "validate01.tfrecord", tfrecords / "video"])

    assert pairs.groups is not None
    assert pairs.groups.tolist() == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]


def test_a_record_is_parsed_when_it_is_asked_for_and_not_before(tfrecords: Path, tmp_path: Path) -> None:
    whole = (tfrecords / "frame" / "validate00.tfrecord").read_bytes()
    (tmp_path / "a.tfrecord").write_bytes(whole[: len(whole) // 2])

    items = read_youtube8m([(0, tmp_path / "a.tfrecord"), (1, tmp_path / "missing.tfrecord")])

    assert next(items).id == "vid0"
    with pytest.raises(FeatureError, match="the file ends"):
        list(items)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "neither mean_rgb"),
        (b"\xff\xff\xff", "no TensorFlow example"),
        (b"\x0a\x05hello", "no TensorFlow example"),
    ],
)
def test_a_record_that_is_whole_but_holds_something_else_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.tfrecord").write_bytes(record(content))

    with pytest.raises(FeatureError, match=said) as caught:
        read_pairs([tmp_path / "a.tfrecord"])
    assert "record at byte 0" in caught.value.detail


def test_garbled_records_are_refused_or_read_but_never_crash(tfrecords: Path) -> None:
    """With a checksum that fits the damage: the parser is on its own."""
    rng = random.Random(0)
    for level in ("video", "frame"):
        whole = next(read_records(tfrecords / level / "validate00.tfrecord"))[1]
        for _ in range(300):
            damaged = bytearray(whole)
            for _ in range(rng.randint(1, 8)):
                damaged[rng.randrange(min(len(damaged), 400))] = rng.randrange(256)
            try:
                example = parse_example(bytes(damaged[: rng.randint(1, len(damaged))]), "here")
                for name in example.names:
                    example.text(name) if example.has(name) else example.frames(name)
            except FeatureError:
                continue


def test_features_of_another_type_are_refused(tfrecords: Path) -> None:
    example = parse_example(next(read_records(tfrecords / "video" / "validate00.tfrecord"))[1], "here")

    for read in (lambda: example.floats("labels"), lambda: example.integers("id"), lambda: example.text("mean_rgb")):
        with pytest.raises(FeatureError, match=r"here: .* is not a list of"):
            read()
    with pytest.raises(FeatureError, match="no feature “rgb”; it holds id, labels, mean_audio, mean_rgb"):
        example.floats("rgb")
    with pytest.raises(FeatureError, match="no frames"):
        example.frames("rgb")
    assert "rgb" not in example.names


def test_the_music_labels_are_those_of_music_videos_only() -> None:
    with np.load(require_shared() / "data" / "yt8m_pairs.npz") as file:
        labels, music = file["labels"], np.repeat(file["music"], np.diff(file["labels_offset"]))
        starts, is_music = file["labels_offset"][:-1], file["music"]

    marked = np.isin(labels, list(MUSIC_LABELS))
    assert not (marked & ~music).any()
    assert np.logical_or.reduceat(marked, starts)[is_music].mean() > 0.995
    counts = np.bincount(labels)
    assert min(counts[list(MUSIC_LABELS)]) >= 40
    others = set(np.flatnonzero(counts >= 40)) - MUSIC_LABELS
    assert all((~music[labels == label]).any() for label in others)
