"""The display matrix: how a decoded frame has to be turned and mirrored to be seen upright."""

import struct
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

MATRIX = struct.Struct("=9i")


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to lay a picture down: swap the axes first, then mirror each."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @classmethod
    def from_matrix(cls, matrix: bytes) -> Self:
        """The nearest of the eight to a matrix of nine native int32, in FFmpeg's layout (libavutil/display.h).

        A pixel at (x, y) is shown at (a·x + c·y, b·x + d·y), where the matrix is a b u, c d v, tx ty w.
        """
        a, b, _, c, d, *_ = MATRIX.unpack(matrix[: MATRIX.size])
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transpose=True, mirror_x=c < 0, mirror_y=b < 0)
        return cls(mirror_x=a < 0, mirror_y=d < 0)

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 [h, w, 3] as decoded → uint8 [h', w', 3] as shown, contiguous."""
        if self.transpose:
            picture = picture.transpose(1, 0, 2)
        if self.mirror_x:
            picture = picture[:, ::-1]
        if self.mirror_y:
            picture = picture[::-1]
        return np.ascontiguousarray(picture)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height as shown."""
        return (height, width) if self.transpose else (width, height)
