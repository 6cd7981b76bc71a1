import struct

import numpy as np
import pytest

from needledrop_media.geometry import Orientation

ONE = 1 << 16
EIGHT = [
    (1, 0, 0, 1),
    (-1, 0, 0, 1),
    (1, 0, 0, -1),
    (-1, 0, 0, -1),
    (0, 1, 1, 0),
    (0, -1, 1, 0),
    (0, 1, -1, 0),
    (0, -1, -1, 0),
]


def packed(a: float, b: float, c: float, d: float) -> bytes:
    return struct.pack("=9i", int(a * ONE), int(b * ONE), 0, int(c * ONE), int(d * ONE), 0, 0, 0, 1 << 30)


@pytest.mark.parametrize(("a", "b", "c", "d"), EIGHT)
def test_every_pixel_goes_where_the_matrix_sends_it(a: int, b: int, c: int, d: int) -> None:
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    sent = {(a * x + c * y, b * x + d * y): picture[y, x] for y in range(2) for x in range(3)}
    left, top = min(x for x, _ in sent), min(y for _, y in sent)

    shown = Orientation.from_matrix(packed(a, b, c, d)).apply(picture)

    assert shown.shape[0] * shown.shape[1] == len(sent)
    for (x, y), pixel in sent.items():
        assert (shown[y - top, x - left] == pixel).all()


@pytest.mark.parametrize(("a", "b", "c", "d"), EIGHT)
def test_the_shown_size_is_that_of_the_turned_picture(a: int, b: int, c: int, d: int) -> None:
    orientation = Orientation.from_matrix(packed(a, b, c, d))
    shown = orientation.apply(np.zeros((2, 3, 3), np.uint8))
    assert orientation.size(3, 2) == (shown.shape[1], shown.shape[0])


def test_a_matrix_that_also_stretches_turns_the_same_way() -> None:
    assert Orientation.from_matrix(packed(0, 2, -1, 0)) == Orientation.from_matrix(packed(0, 1, -1, 0))


def test_a_slight_tilt_is_left_out() -> None:
    assert Orientation.from_matrix(packed(0.98, 0.17, -0.17, 0.98)) == Orientation()


def test_a_matrix_of_zeros_leaves_the_picture_as_it_is() -> None:
    assert Orientation.from_matrix(bytes(36)) == Orientation()
