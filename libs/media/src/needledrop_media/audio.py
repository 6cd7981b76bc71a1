"""From decoded sound to mono samples at one rate."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.plane import AudioPlane
from numpy.typing import NDArray

from needledrop.errors import ErrorCode, MediaError

QUALITY = "HQ"
LOWEST_RATE, HIGHEST_RATE = 1_000, 1_536_000
DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
# Half the span and the middle of each integer sample format.
SCALES = {
    np.dtype(np.uint8): (128.0, 128.0),
    np.dtype(np.int16): (32768.0, 0.0),
    np.dtype(np.int32): (2147483648.0, 0.0),
    np.dtype(np.int64): (9223372036854775808.0, 0.0),
}


def mono(frames: Iterable[AudioFrame], sample_rate: int) -> Iterator[NDArray[np.float32]]:
    """float32 [n] at `sample_rate`, -1..1, in pieces of any length: the mean of the channels, resampled by soxr.

    Samples that have the wanted rate already pass exactly. Rate and channels may change on the way; where the rate
    does, the resampler starts anew. `MediaError(media_unreadable)` for a rate that no sound has.
    """
    resampler: soxr.ResampleStream | None = None
    rate = sample_rate
    for frame in frames:
        if frame.sample_rate != rate:
            if resampler is not None:
                yield _clip(resampler.resample_chunk(np.empty(0, np.float32), last=True))
            rate = frame.sample_rate
            resampler = None if rate == sample_rate else _resampler(rate, sample_rate)
        samples = channel_mean(frame)
        yield samples if resampler is None else _clip(resampler.resample_chunk(samples))
    if resampler is not None:
        yield _clip(resampler.resample_chunk(np.empty(0, np.float32), last=True))


def blocks(pieces: Iterable[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """The same samples in pieces of `size`, the last one shorter."""
    waiting: list[NDArray[np.float32]] = []
    count = 0
    for piece in pieces:
        waiting.append(piece)
        count += len(piece)
        if count >= size:
            joined = np.concatenate(waiting)
            whole = count - count % size
            yield from np.split(joined[:whole], whole // size)
            waiting, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(waiting)


def channel_mean(frame: AudioFrame) -> NDArray[np.float32]:
    """float32 [n]: the plain mean of the channels, each held to -1..1 as a sound card would. NaN becomes silence."""
    samples = _channels(frame)
    scale, middle = SCALES.get(samples.dtype, (1.0, 0.0))
    values = (samples.astype(np.float64) - middle) / scale
    mean: NDArray[np.float64] = np.clip(np.nan_to_num(values), -1.0, 1.0).mean(axis=0)
    return mean.astype(np.float32)


def _channels(frame: AudioFrame) -> NDArray[Any]:
    """[channels, n], as decoded. `AudioFrame.to_ndarray` reads beyond the end of a frame of more than eight planes."""
    channels = max(frame.layout.nb_channels, 1)
    dtype = np.dtype(DTYPES[frame.format.packed.name])
    if frame.format.is_planar:
        return np.stack([np.frombuffer(bytes(AudioPlane(frame, n)), dtype, frame.samples) for n in range(channels)])
    return np.frombuffer(bytes(AudioPlane(frame, 0)), dtype, frame.samples * channels).reshape(-1, channels).T


def _resampler(source_rate: int, sample_rate: int) -> soxr.ResampleStream:
    if not LOWEST_RATE <= source_rate <= HIGHEST_RATE:
        raise MediaError(ErrorCode.MEDIA_UNREADABLE, f"the sound claims {source_rate} samples a second")
    return soxr.ResampleStream(source_rate, sample_rate, 1, dtype="float32", quality=QUALITY)


def _clip(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(samples, -1.0, 1.0)
