"""Music and pictures into files that anyone's player opens."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import numpy as np
import numpy.typing as npt

from needledrop_demo.voices import Samples

Image = npt.NDArray[np.uint8]

BLOCK = 4096


@dataclass(frozen=True)
class AudioFormat:
    """A kind of audio file: the suffix names the container."""

    suffix: str
    codec: Literal["flac", "libmp3lame", "libopus", "aac"]
    sample_rate: int


FORMATS = (
    AudioFormat(".flac", "flac", 44_100),
    AudioFormat(".mp3", "libmp3lame", 44_100),
    AudioFormat(".ogg", "libopus", 48_000),
    AudioFormat(".m4a", "aac", 44_100),
)


def write_audio(path: Path, samples: Samples, kind: AudioFormat, tags: dict[str, str]) -> None:
    """Encode mono `samples`, which are at the format's sample rate, whole or not at all."""
    staged = _staged(path)
    with av.open(staged, "w", options={"fflags": "+bitexact"}) as container:
        container.metadata.update(tags)
        stream = container.add_stream(kind.codec, rate=kind.sample_rate, options={"flags": "+bitexact"})
        stream.layout = "mono"
        if kind.codec != "flac":
            stream.bit_rate = 128_000
        whole = (samples * 32767).astype(np.int16)
        for start in range(0, len(whole), BLOCK):
            frame = av.AudioFrame.from_ndarray(whole[None, start : start + BLOCK], format="s16", layout="mono")
            frame.sample_rate = kind.sample_rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    staged.replace(path)


def write_video(path: Path, frames: Iterable[Image], fps: int, size: tuple[int, int], title: str) -> None:
    """Encode `frames`, each uint8 [height, width, 3] RGB, as H.264 without sound, whole or not at all."""
    staged = _staged(path)
    with av.open(staged, "w", options={"fflags": "+bitexact", "movflags": "+faststart"}) as container:
        container.metadata["title"] = title
        # One thread: the encoder writes its thread count into the file.
        options = {"preset": "superfast", "crf": "20", "threads": "1", "flags": "+bitexact"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    staged.replace(path)


def _staged(path: Path) -> Path:
    return path.with_name(f".part-{path.name}")
