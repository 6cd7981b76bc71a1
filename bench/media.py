"""Long media for the benchmarks, from the demo's generator."""

from pathlib import Path

import av
import numpy as np

from needledrop_demo import render_frames, render_music, training_pairs

RATE = 44_100
FPS = 24
PIECE_S = 30


def hour_of_music(folder: Path, seconds: float) -> Path:
    """An MP3 of the length asked for: generated pieces of half a minute, over and over in another order."""
    pieces = [
        (np.clip(render_music(scene, PIECE_S, RATE), -1, 1) * 32767).astype(np.int16)
        for scene in training_pairs(8, seed=3)
    ]
    path = folder / "music.mp3"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mp3", rate=RATE, layout="mono")
        for index in range(round(seconds / PIECE_S)):
            frame = av.AudioFrame.from_ndarray(pieces[(index * 5) % len(pieces)][None], format="s16", layout="mono")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def ten_minutes_of_720p(folder: Path, seconds: float) -> Path:
    """A 1280×720 H.264 file of the length asked for: eight generated scenes, each panned slowly, in turn."""
    scenes = [next(iter(render_frames(scene, [0.0], (1600, 720)))) for scene in training_pairs(8, seed=4)]
    path = folder / "picture.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for index in range(round(seconds * FPS)):
            picture = scenes[(index // (FPS * 5)) % len(scenes)]
            left = index % 300
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:, left : left + 1280]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
