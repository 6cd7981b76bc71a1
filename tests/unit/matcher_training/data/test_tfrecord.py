import struct
from pathlib import Path

import pytest

from matcher_training.data.tfrecord import masked_crc, read_records
from needledrop.errors import ErrorCode, FeatureError


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))


def crc32c_bit_by_bit(data: bytes) -> int:
    """Castagnoli's polynomial, reflected."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_the_checksum_is_a_masked_crc32c() -> None:
    for data in (b"", b"123456789", bytes(range(256))):
        crc = crc32c_bit_by_bit(data)
        rotated = (crc // 2**15 + crc * 2**17) % 2**32
        assert masked_crc(data) == (rotated + 0xA282EAD8) % 2**32
    assert crc32c_bit_by_bit(b"123456789") == 0xE3069283


def test_records_come_with_their_offsets(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(record(b"first") + record(b"") + record(b"third"))

    assert list(read_records(path)) == [(0, b"first"), (21, b""), (37, b"third")]


def test_an_empty_file_holds_no_record(tmp_path: Path) -> None:
    (tmp_path / "a.tfrecord").touch()
    assert list(read_records(tmp_path / "a.tfrecord")) == []


def test_any_flipped_bit_is_found_and_the_records_before_it_are_read(tmp_path: Path) -> None:
    whole = record(b"first") + record(b"second one")
    path = tmp_path / "a.tfrecord"
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        records = read_records(path)
        second = bit // 8 >= 21
        if second:
            assert next(records) == (0, b"first")
        with pytest.raises(FeatureError, match=rf"a\.tfrecord, record at byte {21 if second else 0}: "):
            next(records)


def test_a_file_that_ends_early_is_refused_with_the_records_offset(tmp_path: Path) -> None:
    whole = record(b"first") + record(b"second one")
    path = tmp_path / "a.tfrecord"
    for size in range(22, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(FeatureError, match="record at byte 21: the file ends") as caught:
            list(read_records(path))
        assert caught.value.code is ErrorCode.FEATURES_INVALID


def test_a_length_beyond_the_file_is_refused_without_reserving_memory(tmp_path: Path) -> None:
    length = struct.pack("<Q", 2**62)
    (tmp_path / "a.tfrecord").write_bytes(length + struct.pack("<I", masked_crc(length)) + b"x" * 100)

    with pytest.raises(FeatureError, match="the file ends inside its content"):
        list(read_records(tmp_path / "a.tfrecord"))


def test_a_record_is_read_when_it_is_asked_for_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(record(b"first") + b"garbage that would be refused")

    assert next(read_records(path)) == (0, b"first")


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match=r"a\.tfrecord can't be read"):
        list(read_records(tmp_path / "a.tfrecord"))
