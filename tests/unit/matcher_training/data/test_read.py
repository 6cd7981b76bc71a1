import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.made_up import random_codes
from tests.shared import require_shared

from matcher_training.data import Sequences, read_pairs
from needledrop.errors import ErrorCode, FeatureError


def promising(shape: tuple[int, ...]) -> bytes:
    """A `.npy` file of this shape by its header, and nothing behind it."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


def video_folders(root: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        np.save(root / name / "vfeat.npy", random_codes(4 + number, 10, number))
        np.save(root / name / "afeat.npy", random_codes(5, 3, 100 + number))


def npz(path: Path, **changed: Any) -> Path:
    content: dict[str, Any] = {
        "rgb": random_codes(4, 6, 0),
        "audio": random_codes(4, 3, 1),
        "music": np.array([True, False, True, False]),
        "labels": np.array([5, 6, 7], np.int16),
        "labels_offset": np.array([0, 1, 1, 3, 3], np.int32),
        "shard": np.array([0, 0, 1, 9], np.int16),
    } | changed
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    return path


def test_the_references_folders_are_read_by_name_with_the_hops_of_its_features(tmp_path: Path) -> None:
    video_folders(tmp_path, ["beta", "alpha"])
    (tmp_path / "notes").mkdir()

    pairs = read_pairs([tmp_path])

    assert pairs.ids is not None
    assert pairs.ids.tolist() == ["alpha", "beta"]
    assert (pairs.video.hop_s, pairs.audio.hop_s) == (1.0, 0.96)
    np.testing.assert_array_equal(pairs.video[1], random_codes(4, 10, 0))
    np.testing.assert_array_equal(pairs.audio[0], random_codes(5, 3, 101))


def test_a_list_chooses_folders_and_their_order(tmp_path: Path) -> None:
    video_folders(tmp_path / "data", ["a", "b", "c"])
    for folder, root in ((tmp_path / "data", None), (tmp_path, tmp_path / "data")):
        (folder / "list.txt").write_text("c\r\n\na\n")
        pairs = read_pairs([folder / "list.txt"], root=root)
        assert pairs.ids is not None
        assert pairs.ids.tolist() == ["c", "a"]
        np.testing.assert_array_equal(pairs.video[0], random_codes(6, 10, 2))


def test_a_list_that_names_what_is_not_there_is_refused_with_its_line(tmp_path: Path) -> None:
    video_folders(tmp_path, ["a", "b"])
    (tmp_path / "list.txt").write_text("a\n\nmissing\n")

    with pytest.raises(FeatureError, match=r"list\.txt, line 3: no folder “missing”"):
        read_pairs([tmp_path / "list.txt"])


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"not an array",
        b"\x93NUMPY\x01\x00 cut off",
        b"PK\x03\x04",
        promising((10**9, 10**6)),
        promising((5, 3)),
    ],
)
def test_a_video_folder_with_a_file_missing_or_damaged_is_refused_by_name(
    tmp_path: Path, content: bytes | None
) -> None:
    video_folders(tmp_path, ["a", "b"])
    (tmp_path / "b" / "afeat.npy").unlink()
    if content is not None:
        (tmp_path / "b" / "afeat.npy").write_bytes(content)

    with pytest.raises(FeatureError, match=r"b/afeat\.npy"):
        read_pairs([tmp_path])


def test_a_pickle_in_place_of_features_is_never_loaded(tmp_path: Path) -> None:
    video_folders(tmp_path, ["a", "b"])
    marker = tmp_path / "ran"
    bomb = type("Bomb", (), {"__reduce__": lambda self: (Path.touch, (marker,))})()
    np.save(tmp_path / "a" / "vfeat.npy", np.array([bomb], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "pairs.npz", rgb=np.array([bomb], dtype=object), audio=random_codes(1, 3, 0))
    np.savez(tmp_path / "music.npz", rgb=random_codes(1, 3, 0), audio=random_codes(1, 3, 0), music=np.array([bomb]))

    for path in (tmp_path, tmp_path / "pairs.npz", tmp_path / "music.npz"):
        with pytest.raises(FeatureError):
            read_pairs([path])
    assert not marker.exists()


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_an_npz_of_means_gives_a_row_a_pair(tmp_path: Path, dtype: type[Any]) -> None:
    rgb: npt.NDArray[Any] = random_codes(4, 6, 0).astype(dtype)
    pairs = read_pairs([npz(tmp_path / "p.npz", rgb=rgb)])

    np.testing.assert_array_equal(pairs.video.codes, rgb)
    np.testing.assert_array_equal(pairs.audio.codes, random_codes(4, 3, 1))
    assert pairs.video.codes.dtype == (np.float32 if dtype is np.float64 else dtype)
    assert pairs.music is not None
    assert pairs.music.tolist() == [True, False, True, False]
    assert pairs.groups is not None
    assert pairs.groups.tolist() == [0, 0, 1, 9]
    assert pairs.labels is not None
    assert [pairs.labels[i].tolist() for i in range(4)] == [[5], [], [6, 7], []]


def test_an_npz_of_sequences_gives_their_rows(tmp_path: Path) -> None:
    video, audio = random_codes(12, 6, 0).reshape(4, 3, 6), random_codes(20, 3, 1).reshape(4, 5, 3)
    np.savez_compressed(tmp_path / "s.npz", video=video, audio=audio, audio_hop_s=0.96, ids=np.array(list("abcd")))

    pairs = read_pairs([tmp_path / "s.npz"])

    assert (pairs.video.hop_s, pairs.audio.hop_s) == (1.0, 0.96)
    assert (pairs.music, pairs.groups, pairs.labels) == (None, None, None)
    assert pairs.ids is not None
    assert pairs.ids.tolist() == ["a", "b", "c", "d"]
    for i in range(4):
        np.testing.assert_array_equal(pairs.video[i], video[i])
        np.testing.assert_array_equal(pairs.audio[i], audio[i])


def test_music_labels_say_what_is_music_where_the_file_does_not(tmp_path: Path) -> None:
    silent = npz(tmp_path / "p.npz", music=None)

    assert read_pairs([silent]).music is None
    told = read_pairs([silent], music_labels=[7]).music
    assert told is not None
    assert told.tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    "changed",
    [
        {"rgb": None},
        {"audio": None},
        {"rgb": np.zeros((3, 6), np.uint8)},
        {"rgb": np.zeros(4, np.uint8)},
        {"rgb": np.zeros((4, 6, 1, 1), np.uint8)},
        {"rgb": np.zeros((4, 0), np.uint8)},
        {"rgb": np.zeros((4, 6), np.int64)},
        {"rgb": np.zeros((4, 6), "U3")},
        {"rgb": np.full((4, 6), np.nan)},
        {"rgb": np.asfortranarray(np.zeros((4, 6), np.uint8))},
        {"music": np.array([1, 0, 1, 0])},
        {"music": np.array([True])},
        {"shard": np.array([0.0, 0.0, 1.0, 9.0])},
        {"labels": None},
        {"labels_offset": None},
        {"labels": np.array([0.5, 1.0, 1.0])},
        {"labels_offset": np.array([0, 1, 1, 3])},
        {"labels_offset": np.array([0, 2, 1, 3, 3])},
        {"labels_offset": np.array([0, 1, 1, 2, 2])},
        {"ids": np.arange(4)},
        {"video_hop_s": np.float64(0)},
        {"video_hop_s": np.array(["a"])},
    ],
    ids=lambda changed: "-".join(
        f"{k}-{getattr(v, 'dtype', None)}{getattr(v, 'shape', '')}" for k, v in changed.items()
    ),
)
def test_a_malformed_npz_is_refused_by_name(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(FeatureError, match=r"p\.npz") as caught:
        read_pairs([npz(tmp_path / "p.npz", **changed)])
    assert caught.value.code is ErrorCode.FEATURES_INVALID


def test_an_npz_is_refused_wherever_it_is_cut_off_or_flipped(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "whole.npz", rgb=random_codes(40, 6, 0), audio=random_codes(40, 3, 1))
    whole = (tmp_path / "whole.npz").read_bytes()
    path = tmp_path / "p.npz"
    for size in range(0, len(whole), 37):
        path.write_bytes(whole[:size])
        with pytest.raises(FeatureError, match=r"p\.npz"):
            read_pairs([path])
    with zipfile.ZipFile(tmp_path / "whole.npz") as archive:
        start = archive.getinfo("rgb.npy").header_offset + 30 + len("rgb.npy") + 20
    for byte in range(start, start + 200, 7):
        damaged = bytearray(whole)
        damaged[byte] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises(FeatureError, match=r"p\.npz"):
            read_pairs([path])


def test_a_folder_of_training_sequences_is_joined(tmp_path: Path) -> None:
    for name, pair in (("video", [4, 2, 9]), ("audio", [2, 9, 5])):
        np.savez(
            tmp_path / f"{name}.npz",
            codes=random_codes(6, 4, len(name)),
            offsets=[0, 2, 5, 6],
            pair=np.array(pair),
            hop_s=0.5,
        )

    pairs = read_pairs([tmp_path])

    video, audio = (Sequences.read(tmp_path / f"{name}.npz") for name in ("video", "audio"))
    assert pairs.video.hop_s == pairs.audio.hop_s == 0.5
    np.testing.assert_array_equal(pairs.video[0], video[1])
    np.testing.assert_array_equal(pairs.audio[0], audio[0])
    np.testing.assert_array_equal(pairs.video[1], video[2])


def test_several_paths_are_read_one_after_the_other(tmp_path: Path) -> None:
    first, second = npz(tmp_path / "1.npz"), npz(tmp_path / "2.npz", rgb=random_codes(4, 6, 5))

    pairs = read_pairs([second, first])

    np.testing.assert_array_equal(pairs.video.codes, np.concatenate([random_codes(4, 6, 5), random_codes(4, 6, 0)]))
    assert pairs.groups is not None
    assert pairs.groups.tolist() == [0, 0, 1, 9] * 2


def test_what_has_no_known_layout_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "picture.bin").write_bytes(b"\xff\xd8\xff")

    with pytest.raises(FeatureError, match=r"empty holds nothing to read; expected are: .*tfrecord"):
        read_pairs([tmp_path / "empty"])
    with pytest.raises(FeatureError, match=r"picture\.bin is not a text file"):
        read_pairs([tmp_path / "picture.bin"])
    with pytest.raises(FeatureError, match="nowhere is not there"):
        read_pairs([tmp_path / "nowhere"])


def test_the_real_pairs_are_read_as_they_are(tmp_path: Path) -> None:
    path = require_shared() / "data" / "yt8m_pairs.npz"

    pairs = read_pairs([path], tmp_path, in_memory=2**20)

    with np.load(path) as file:
        np.testing.assert_array_equal(pairs.video.codes, file["rgb"])
        np.testing.assert_array_equal(pairs.audio.codes, file["audio"])
        assert pairs.groups is not None
        np.testing.assert_array_equal(pairs.groups, file["shard"])


def test_the_real_sequences_are_read_as_they_are() -> None:
    path = require_shared() / "data" / "av_sequences.npz"

    pairs = read_pairs([path])

    with np.load(path) as file:
        np.testing.assert_array_equal(pairs.video.codes, file["video"].reshape(-1, 512))
        np.testing.assert_array_equal(pairs.audio[2999], file["audio"][2999])
