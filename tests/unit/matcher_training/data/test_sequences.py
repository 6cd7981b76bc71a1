from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.made_up import random_codes

from matcher_training.data import Sequences
from needledrop.errors import ErrorCode, FeatureError


def write(path: Path, **changed: Any) -> Path:
    """An .npz of three sequences of 2, 3 and 1 rows."""
    content: dict[str, Any] = {
        "codes": random_codes(6, 4, seed=0),
        "offsets": np.array([0, 2, 5, 6]),
        "pair": np.array([7, 3, 5]),
        "hop_s": np.float64(0.96),
    } | changed
    np.savez(path, **{key: value for key, value in content.items() if value is not None})
    return path


def test_sequences_come_back_as_they_were_written(tmp_path: Path) -> None:
    sequences = Sequences.read(write(tmp_path / "audio.npz"), dim=4)

    codes = random_codes(6, 4, seed=0)
    assert len(sequences) == 3
    assert sequences.hop_s == 0.96
    assert sequences.dim == 4
    for index, (start, stop) in enumerate([(0, 2), (2, 5), (5, 6)]):
        np.testing.assert_array_equal(sequences[index], codes[start:stop])


@pytest.mark.parametrize(
    "changed",
    [
        {"codes": None},
        {"codes": np.zeros((6, 4), np.float64)},
        {"codes": np.full((6, 4), np.nan, np.float32)},
        {"codes": np.zeros((6, 5), np.uint8)},
        {"codes": np.array([{}, {}], dtype=object)},
        {"offsets": np.array([0, 2, 6])},
        {"offsets": np.array([0, 2, 2, 6])},
        {"offsets": np.array([0, 2, 5, 7])},
        {"pair": np.array([7, 3, 7])},
        {"hop_s": np.float64(0)},
        {"hop_s": np.array([1.0, 1.0])},
    ],
    ids=str,
)
def test_malformed_training_data_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(FeatureError) as caught:
        Sequences.read(write(tmp_path / "audio.npz", **changed), dim=4)
    assert caught.value.code is ErrorCode.FEATURES_INVALID


@pytest.mark.parametrize("content", [None, b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_a_missing_or_foreign_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "audio.npz").write_bytes(content)
    with pytest.raises(FeatureError):
        Sequences.read(tmp_path / "audio.npz", dim=4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_values_that_are_not_quantised_are_kept_as_they_are(tmp_path: Path, dtype: type[np.floating[Any]]) -> None:
    values = np.random.default_rng(0).standard_normal((6, 4)).astype(dtype)

    sequences = Sequences.read(write(tmp_path / "audio.npz", codes=values))

    assert sequences[1].dtype == dtype
    np.testing.assert_array_equal(sequences[1], values[2:5])
    assert sequences.lengths.tolist() == [2, 3, 1]
