"""Reading MediaPipe's `MatrixData`, the form of YouTube-8M's `*_matrix_data.pb`.

The message (mediapipe/framework/formats/matrix_data.proto): `rows` = 1, `cols` = 2, packed floats `packed_data` = 3,
`layout` = 4, column-major unless it is 1. `extract_yt8m_features.cc` parses the files as binary protobuf.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from needledrop.errors import BundleError, ErrorCode

Matrix = npt.NDArray[np.float32]
ROWS, COLS, DATA, LAYOUT = 1, 2, 3, 4
ROW_MAJOR = 1
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def read_matrix(data: bytes, name: str, shape: tuple[int, int]) -> Matrix:
    """float32 of this shape, finite; `BundleError` with the file's name where the bytes are anything else."""
    try:
        numbers, chunks = _fields(data)
    except _MalformedError as error:
        raise _invalid(name, f"is not a MatrixData message ({error})") from error
    found = (numbers.get(ROWS, 0), numbers.get(COLS, 0))
    if found != shape:
        raise _invalid(name, f"holds a {found[0]} × {found[1]} matrix, not {shape[0]} × {shape[1]}")
    values = np.frombuffer(b"".join(chunks), dtype="<f4")
    if len(values) != shape[0] * shape[1]:
        raise _invalid(name, f"holds {len(values)} numbers for a {shape[0]} × {shape[1]} matrix")
    if not np.isfinite(values).all():
        raise _invalid(name, "holds numbers that are not finite")
    order = numbers.get(LAYOUT, 0)
    return np.ascontiguousarray(values.reshape(shape, order="C" if order == ROW_MAJOR else "F"), dtype=np.float32)


class _MalformedError(Exception):
    """The bytes break off, or hold what the message has no place for."""


def _fields(data: bytes) -> tuple[dict[int, int], list[bytes]]:
    numbers: dict[int, int] = {}
    chunks: list[bytes] = []
    for field, wire, value in _wire(data):
        if field == DATA and isinstance(value, bytes) and wire in {BYTES, FIXED32} and len(value) % 4 == 0:
            chunks.append(value)
        elif field in {ROWS, COLS, LAYOUT} and isinstance(value, int):
            numbers[field] = value
        elif field in {ROWS, COLS, DATA, LAYOUT}:
            raise _MalformedError(f"field {field} is of another type")
    return numbers, chunks


def _wire(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Each field's number, wire type and value, as the protobuf encoding lays them out."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == VARINT:
            number, at = _varint(data, at)
            yield key >> 3, wire, number
            continue
        if wire == BYTES:
            length, at = _varint(data, at)
        elif wire in {FIXED32, FIXED64}:
            length = 4 if wire == FIXED32 else 8
        else:
            raise _MalformedError(f"wire type {wire}")
        if length > len(data) - at:
            raise _MalformedError("it breaks off")
        yield key >> 3, wire, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise _MalformedError("it breaks off")


def _invalid(name: str, what: str) -> BundleError:
    return BundleError(ErrorCode.BUNDLE_INVALID, f"{name} {what}")
