"""Media for the benchmarks, from the demo's generator."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from needledrop_demo import render_frames, render_music, training_pairs

RATE = 44_100
FPS = 24
PIECE_S = 30
PAN = 300
SCENE_S = 5
SCENES = training_pairs(8, seed=4)
# About what a camera or a good download has.
BITS = {360: 1_500_000, 720: 10_000_000, 1080: 16_000_000}


def music(folder: Path, seconds: float) -> Path:
    """A stereo MP3 of the length asked for: generated pieces of half a minute, over and over in another order."""
    pieces = [
        (np.clip(render_music(scene, PIECE_S, RATE), -1, 1) * 32767).astype(np.int16)
        for scene in training_pairs(8, seed=3)
    ]
    path = folder / f"music{seconds:.0f}.mp3"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mp3", rate=RATE, layout="stereo")
        left = round(seconds * RATE)
        index = 0
        while left > 0:
            piece = pieces[(index * 5) % len(pieces)][:left]
            frame = av.AudioFrame.from_ndarray(np.stack([piece, piece[::-1]]), format="s16p", layout="stereo")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
            left -= len(piece)
            index += 1
        container.mux(stream.encode(None))
    return path


def picture(folder: Path, seconds: float, height: int) -> Path:
    """A 16:9 H.264 file: eight generated scenes, each panned with a camera's grain, in turn.

    They are encoded once; a longer file repeats the packets.
    """
    width = height * 16 // 9 // 2 * 2
    path = folder / f"picture{height}p{seconds:.0f}.mp4"
    count, turn = round(seconds * FPS), len(SCENES) * SCENE_S * FPS
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = BITS[height]
        encoded = [packet for frame in _shown(width, height, min(count, turn)) for packet in stream.encode(frame)]
        encoded += stream.encode(None)
        for index in range(count):
            packet = _later(encoded[index % len(encoded)], index // len(encoded) * turn)
            packet.stream = stream
            container.mux(packet)
    return path


def _shown(width: int, height: int, count: int) -> Iterator[av.VideoFrame]:
    scenes = [next(iter(render_frames(scene, [0.0], (width + PAN, height)))) for scene in SCENES]
    grain = np.random.default_rng(5).integers(0, 12, (4, height, width, 1), np.uint8)
    for index in range(count):
        scene = scenes[index // (FPS * SCENE_S)]
        left = index % PAN
        pixels = np.minimum(scene[:, left : left + width], 243) + grain[index % len(grain)]
        yield av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")


def _later(packet: "Packet[VideoStream]", frames: int) -> "Packet[Stream]":
    """A copy, so many frames later."""
    assert packet.pts is not None
    assert packet.dts is not None
    copy = Packet(bytes(packet))
    copy.time_base, copy.duration, copy.is_keyframe = packet.time_base, packet.duration, packet.is_keyframe
    shift = round(frames / FPS / packet.time_base)
    copy.pts, copy.dts = packet.pts + shift, packet.dts + shift
    return copy
