"""Reading a media file's samples or pictures. The decoding itself happens in a child process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from needledrop_media.limits import Limits
from needledrop_media.process import DecoderProcess, malformed
from needledrop_media.wire import Kind

if TYPE_CHECKING:
    from needledrop.messages import MediaInfo

S = TypeVar("S", np.float32, np.uint8)


@contextmanager
def open_audio(path: Path, sample_rate: int = 16000, limits: Limits = Limits()) -> Iterator[MediaReader[np.float32]]:
    """The file's main sound as float32 [n], -1..1: the mean of its channels at `sample_rate`, a second a piece.

    Resampled by soxr; integer samples that have the rate already pass exactly (int16 / 32768). Where the file is
    damaged, what can be decoded comes. `MediaError`: `media_empty`, `media_unreadable`,
    `media_too_large` (too long, too many channels), `media_too_many_streams`, `media_encrypted`, `no_audio`,
    `codec_unsupported`, `decoder_crashed`, `decoder_timeout`, `decoder_limit`.
    """
    process = DecoderProcess(path, "audio", sample_rate, limits)
    try:
        yield MediaReader(process, sample_rate * 4, _samples, lambda samples: len(samples) / sample_rate)
    finally:
        process.stop()


@contextmanager
def open_frames(
    path: Path, size: int = 299, limits: Limits = Limits(), keyframes: bool = False
) -> Iterator[MediaReader[np.uint8]]:
    """The film's pictures as uint8 [size, size, 3], RGB: at t = 0, 1, 2, … s the first frame shown at or after t.

    t counts from the first frame shown. The whole frame is resized (antialiased bilinear, aspect not kept), turned and
    mirrored as the file wants it shown; high dynamic range is mapped to BT.709. Cover pictures are no film. Where the
    file is damaged, what can be decoded comes. `MediaError`: `media_empty`, `media_unreadable`, `media_too_large`
    (too many pixels, too long), `media_too_many_streams`, `media_too_many_frames`, `media_encrypted`,
    `no_video`, `codec_unsupported`, `decoder_crashed`, `decoder_timeout`, `decoder_limit`.

    `keyframes`: instead, the key frame nearest to each t, which is near in time only where key frames are frequent.
    """
    process = DecoderProcess(path, "keyframes" if keyframes else "frames", size, limits)
    try:
        yield MediaReader(process, size * size * 3, lambda data: _picture(data, size), lambda _: 1.0)
    finally:
        process.stop()


class MediaReader(Generic[S]):
    """A file's data, once and in order. Iterating raises `MediaError` where the file proves unusable."""

    def __init__(
        self,
        process: DecoderProcess,
        data_bytes: int,
        unpack: Callable[[bytearray], NDArray[S]],
        seconds: Callable[[NDArray[S]], float],
    ) -> None:
        self._process = process
        self._data_bytes = data_bytes
        self._unpack: Callable[[bytearray], NDArray[S]] = unpack
        self._seconds: Callable[[NDArray[S]], float] = seconds
        self._position_s = 0.0
        self._ended = False
        kind, payload = process.receive(data_bytes)
        if kind is not Kind.INFO:
            raise malformed()
        self._info = _info(payload)

    @property
    def info(self) -> MediaInfo:
        """What the container says (`duration_s` 0 where it doesn't say); after the last piece, what proved true."""
        return self._info

    @property
    def progress(self) -> float | None:
        """How much of the file has been read, 0..1; None where its duration is unknown."""
        if self._ended:
            return 1.0
        return min(self._position_s / self._info.duration_s, 1.0) if self._info.duration_s > 0 else None

    def __iter__(self) -> Iterator[NDArray[S]]:
        return self

    def __next__(self) -> NDArray[S]:
        if self._ended:
            raise StopIteration
        kind, payload = self._process.receive(self._data_bytes)
        if kind is Kind.END:
            self._info = _info(payload)
            self._ended = True
            raise StopIteration
        if kind is not Kind.DATA:
            raise malformed()
        piece = self._unpack(payload)
        self._position_s += self._seconds(piece)
        return piece


def _samples(data: bytearray) -> NDArray[np.float32]:
    if not data or len(data) % 4:
        raise malformed()
    samples: NDArray[np.float32] = np.frombuffer(data, np.float32)
    return samples


def _picture(data: bytearray, size: int) -> NDArray[np.uint8]:
    if len(data) != size * size * 3:
        raise malformed()
    pixels: NDArray[np.uint8] = np.frombuffer(data, np.uint8)
    return pixels.reshape(size, size, 3)


def _info(payload: bytearray) -> MediaInfo:
    # The child imports this module too, and must start without pydantic.
    from pydantic import ValidationError  # noqa: PLC0415

    from needledrop.messages import MediaInfo  # noqa: PLC0415

    try:
        return MediaInfo.model_validate_json(payload)
    except ValidationError as error:
        raise malformed() from error
