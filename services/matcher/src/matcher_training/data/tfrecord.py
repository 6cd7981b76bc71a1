"""TFRecord files, read as a stream: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import google_crc32c

from matcher_training.data.sequences import invalid

LENGTH = struct.Struct("<Q")
CHECKSUM = struct.Struct("<I")
MASK_DELTA = 0xA282EAD8


def read_records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each record's offset in the file and its content. One record is in memory at a time.

    `FeatureError` naming file and offset at the first record that is cut off or whose checksum (a masked CRC-32C of the
    length, and one of the content) is wrong.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            while (offset := file.tell()) < size:
                yield offset, _record(file, size, f"{path.name}, record at byte {offset}")
    except OSError as error:
        raise invalid(f"{path.name} can't be read: {error.strerror}") from error


def masked_crc(data: bytes) -> int:
    """TensorFlow's checksum: the CRC-32C rotated right by 15 bits, plus a constant, modulo 2³²."""
    crc = int(google_crc32c.value(data))
    return (((crc >> 15) | (crc << 17)) + MASK_DELTA) & 0xFFFFFFFF


def _record(file: IO[bytes], size: int, where: str) -> bytes:
    head = _checked(file, LENGTH.size, size, where, "length")
    (length,) = LENGTH.unpack(head)
    return _checked(file, length, size, where, "content")


def _checked(file: IO[bytes], length: int, size: int, where: str, what: str) -> bytes:
    # Before reading: a wrong length must not make the process ask for that much memory.
    if file.tell() + length + CHECKSUM.size > size:
        raise invalid(f"{where}: the file ends inside its {what}")
    data = file.read(length)
    checksum = file.read(CHECKSUM.size)
    if len(data) != length or len(checksum) != CHECKSUM.size:
        raise invalid(f"{where}: the file ends inside its {what}")
    if CHECKSUM.unpack(checksum)[0] != masked_crc(data):
        raise invalid(f"{where}: the checksum of its {what} is wrong; the file is damaged or no TFRecord file")
    return data
