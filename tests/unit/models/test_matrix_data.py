"""MatrixData messages, as the protobuf library writes them and as nobody should."""

import numpy as np
import pytest

from needledrop.errors import BundleError, ErrorCode
from needledrop_models.matrix_data import read_matrix
from tests.unit.models.made_up import matrix_data, numbers

MATRIX = numbers(5, 3, 0)
GOOD = matrix_data(MATRIX)


@pytest.mark.parametrize("row_major", [False, True])
@pytest.mark.parametrize("packed", [True, False])
def test_a_message_gives_its_matrix_whatever_the_layout(row_major: bool, packed: bool) -> None:
    data = matrix_data(MATRIX, row_major=row_major, packed=packed)
    found = read_matrix(data, "m.pb", (5, 3))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, MATRIX)


def test_fields_that_the_message_may_gain_are_passed_over() -> None:
    extra = (
        bytes([0x2A, 3]) + b"abc" + bytes([0x30, 0x96, 0x01]) + bytes([0x3D]) + b"1234" + bytes([0x41]) + b"12345678"
    )
    np.testing.assert_array_equal(read_matrix(extra + GOOD, "m.pb", (5, 3)), MATRIX)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 × 0"),
        (matrix_data(numbers(3, 5, 0)), "3 × 5 matrix, not 5 × 3"),
        (GOOD[:-1], "breaks off"),
        (GOOD[: len(GOOD) // 2], "breaks off"),
        (bytes([8, 5, 16, 3]), "0 numbers"),
        (GOOD + bytes([0x1D]) + b"\0\0\0\0", "16 numbers"),
        (bytes([0x0A, 1, 0]), "field 1 is of another type"),
        (bytes([0x18, 1]), "field 3 is of another type"),
        (bytes([0x0B]), "wire type 3"),
        (b"\xff" * 20, "breaks off"),
        (b"rows: 5\ncols: 3\n", "m.pb"),
        (matrix_data(np.full((5, 3), np.nan, np.float32)), "not finite"),
    ],
)
def test_anything_else_is_refused_by_name(data: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        read_matrix(data, "m.pb", (5, 3))
    assert caught.value.code is ErrorCode.BUNDLE_INVALID
    assert caught.value.detail.startswith("m.pb ")
