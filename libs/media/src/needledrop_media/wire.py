"""What travels through the pipe from child to parent: messages of a kind byte, a length (uint32) and a payload."""

import json
import struct
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import BinaryIO

from needledrop.errors import ErrorCode, MediaError

HEADER = struct.Struct("!BI")
LARGEST_JSON = 1 << 16
EXIT_OUT_OF_MEMORY = 70


class Kind(IntEnum):
    """INFO comes first and once, then DATA, then END or, at any time, ERROR."""

    INFO = 1
    DATA = 2
    END = 3
    ERROR = 4


@dataclass(frozen=True)
class Facts:
    """What the child knows of the file: the payload of INFO and END. The fields of `needledrop.messages.MediaInfo`."""

    duration_s: float
    title: str | None = None
    artist: str | None = None
    width: int | None = None
    height: int | None = None


def write_facts(pipe: BinaryIO, kind: Kind, facts: Facts) -> None:
    _write(pipe, kind, json.dumps(asdict(facts)).encode())


def write_data(pipe: BinaryIO, payload: bytes) -> None:
    _write(pipe, Kind.DATA, payload)


def write_error(pipe: BinaryIO, error: MediaError) -> None:
    _write(pipe, Kind.ERROR, json.dumps({"code": error.code, "detail": error.detail}).encode())


def read_error(payload: bytes | bytearray) -> MediaError:
    """The error in an ERROR message. `ValueError` or `KeyError` where it holds none."""
    body = json.loads(payload)
    return MediaError(ErrorCode(body["code"]), str(body["detail"]))


def _write(pipe: BinaryIO, kind: Kind, payload: bytes) -> None:
    pipe.write(HEADER.pack(kind, len(payload)) + payload)
    pipe.flush()
