import hashlib
import io
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from needledrop.errors import ErrorCode, FeatureError
from needledrop.features import (
    FeatureSpace,
    Modality,
    check_matrix,
    dequantise,
    matrix_from_bytes,
    matrix_to_bytes,
    quantise,
    require_space,
)


def test_quantiser_maps_the_ends_and_the_middle_as_published() -> None:
    assert quantise(np.array([-9.0, -2.0, 0.0, 2.0, 9.0])).tolist() == [0, 0, 127, 255, 255]


def test_dequantiser_is_the_formula_of_youtube_8m() -> None:
    codes = np.arange(256, dtype=np.uint8)
    expected = [code * 4 / 255 + 4 / 512 - 2 for code in range(256)]
    np.testing.assert_allclose(dequantise(codes), expected, atol=1e-6)


@given(value=st.floats(-2, 2))
def test_a_value_comes_back_within_a_bin(value: float) -> None:
    assert abs(float(dequantise(quantise(np.array([value])))[0]) - value) <= 4 / 255


@given(matrix=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)))
def test_a_matrix_survives_the_file(matrix: np.ndarray) -> None:
    np.testing.assert_array_equal(matrix_from_bytes(matrix_to_bytes(matrix)), matrix)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        npy(np.zeros((2, 3), np.float32)),
        npy(np.zeros(3, np.uint8)),
        npy(np.zeros((0, 3), np.uint8)),
        npy(np.zeros((2, 3), np.uint8))[:-2],
        npz(np.zeros((2, 3), np.uint8)),
    ],
)
def test_anything_but_a_matrix_of_codes_is_refused(data: bytes) -> None:
    with pytest.raises(FeatureError) as caught:
        matrix_from_bytes(data)
    assert caught.value.code is ErrorCode.FEATURES_INVALID


class Bomb:
    exploded = False

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (explode, ("boom",))


def explode(_: str) -> None:
    Bomb.exploded = True


def test_a_pickle_is_never_opened() -> None:
    array = np.empty((1, 1), dtype=object)
    array[0, 0] = Bomb()
    for data in (npy(array), pickle.dumps(Bomb())):
        with pytest.raises(FeatureError):
            matrix_from_bytes(data)
    assert not Bomb.exploded


def test_the_wrong_number_of_columns_is_refused() -> None:
    with pytest.raises(FeatureError, match="128 columns expected, 3 found"):
        check_matrix(np.zeros((2, 3), np.uint8), 128)


def space(**changes: object) -> FeatureSpace:
    fields: dict[str, object] = {
        "modality": Modality.AUDIO,
        "backbone": "vggish",
        "weights_sha256": "a" * 64,
        "preprocessing": "seed",
        "pca_sha256": "b" * 64,
        "hop_s": 0.96,
        "dim": 128,
    }
    return FeatureSpace(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_spaces_id_is_stable_from_version_to_version() -> None:
    canonical = (
        '{"backbone":"vggish","dim":128,"hop_s":0.96,"modality":"audio","pca_sha256":"' + "b" * 64 + '",'
        '"preprocessing":"seed","quantiser":"clip2-uint8","weights_sha256":"' + "a" * 64 + '"}'
    )
    assert space().id == "audio-" + hashlib.sha256(canonical.encode()).hexdigest()[:12]


@pytest.mark.parametrize(
    "change",
    [
        {"modality": Modality.VIDEO},
        {"backbone": "other"},
        {"weights_sha256": "c" * 64},
        {"preprocessing": "imagenet"},
        {"pca_sha256": "c" * 64},
        {"hop_s": 1.0},
        {"dim": 64},
        {"quantiser": "other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_the_numbers_changes_the_space(change: dict[str, object]) -> None:
    assert space(**change).id != space().id


def test_features_of_two_spaces_are_never_compared() -> None:
    require_space("a", "a")
    with pytest.raises(FeatureError) as caught:
        require_space("a", "b")
    assert caught.value.code is ErrorCode.SPACE_MISMATCH
