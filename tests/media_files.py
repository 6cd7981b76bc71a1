"""Small media files made on the spot, whose pictures and sounds are known exactly."""

import wave
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
BITS = 8


def numbered(number: int, width: int = 64, height: int = 48) -> Picture:
    """A picture that says its number in black and white bars, lowest bit left; uint8 [height, width, 3]."""
    picture = np.zeros((height, width, 3), np.uint8)
    for bit in range(BITS):
        picture[:, bit * width // BITS : (bit + 1) * width // BITS] = 255 * (number >> bit & 1)
    return picture


def number_of(picture: Picture) -> int:
    """The number that a picture, of any size, says."""
    height, width, _ = picture.shape
    bars = [picture[height // 2, int((bit + 0.5) * width / BITS)].mean() > 127 for bit in range(BITS)]
    return sum(1 << bit for bit, lit in enumerate(bars) if lit)


def write_film(
    path: Path,
    pictures: Iterable[Picture],
    times: Sequence[Fraction],
    codec: str = "libx264",
    pixels: str = "yuv420p",
    time_base: Fraction = Fraction(1, 1000),
    rotation: tuple[int, bool, bool] | None = None,
    metadata: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A film whose pictures are shown at these times. `rotation`: degrees to the left, then mirrored across, down."""
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=25, options=options or {})
        assert isinstance(stream, av.VideoStream)
        stream.pix_fmt = pixels
        stream.time_base = stream.codec_context.time_base = time_base
        if rotation:
            stream.set_display_rotation(*rotation)
        for number, (picture, time) in enumerate(zip(pictures, times, strict=True)):
            if not number:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = round(time / time_base), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def steady(count: int, rate: int = 25) -> list[Fraction]:
    """The times of a film of constant rate."""
    return [Fraction(number, rate) for number in range(count)]


def write_sound(
    path: Path,
    samples: NDArray[np.generic],
    sample_rate: int,
    codec: str,
    sample_format: str,
    layout: str = "mono",
    metadata: dict[str, str] | None = None,
) -> Path:
    """Samples [channels, n] in the planar form of `sample_format`, encoded as they are."""
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=sample_rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        stream.format = av.AudioFormat(sample_format)
        packed = samples if sample_format.endswith("p") else samples.T.reshape(1, -1)
        per_sample = 1 if sample_format.endswith("p") else samples.shape[0]
        for start in range(0, samples.shape[1], 1024):
            piece = np.ascontiguousarray(packed[:, start * per_sample : (start + 1024) * per_sample])
            frame = av.AudioFrame.from_ndarray(piece, sample_format, layout)
            frame.sample_rate, frame.pts, frame.time_base = sample_rate, start, Fraction(1, sample_rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_wave(path: Path, samples: NDArray[np.int16], sample_rate: int = 16000) -> Path:
    """16-bit PCM, samples [n, channels], by the standard library."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def sine(frequency: float, seconds: float, sample_rate: int, level: float = 0.5) -> NDArray[np.float64]:
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return level * np.sin(2 * np.pi * frequency * time)
