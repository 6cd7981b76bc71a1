"""Media for the benchmarks, from the demo's generator."""

from pathlib import Path

import av
import numpy as np

from needledrop_demo import render_frames, render_music, training_pairs

RATE = 44_100
FPS = 24
PIECE_S = 30
PAN = 300
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
    """A 16:9 H.264 file: eight generated scenes, each panned with a camera's grain, in turn."""
    width = height * 16 // 9 // 2 * 2
    scenes = [next(iter(render_frames(scene, [0.0], (width + PAN, height)))) for scene in training_pairs(8, seed=4)]
    grain = np.random.default_rng(5).integers(0, 12, (4, height, width, 1), np.uint8)
    path = folder / f"picture{height}p{seconds:.0f}.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = BITS[height]
        for index in range(round(seconds * FPS)):
            scene = scenes[(index // (FPS * 5)) % len(scenes)]
            left = index % PAN
            shown = np.minimum(scene[:, left : left + width], 243) + grain[index % len(grain)]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")))
        container.mux(stream.encode(None))
    return path
