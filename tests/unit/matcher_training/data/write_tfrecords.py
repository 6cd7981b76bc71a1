"""Writes YouTube-8M records with TensorFlow, and what they hold as arrays: run as a program, with the folder."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

VIDEOS = 7
FRAMES = 5
LABELS = [[3, 7], [], [11], [0, 14, 200], [1], [9], [2, 5]]


def main(folder: Path) -> None:
    rng = np.random.default_rng(0)
    means = {"rgb": rng.standard_normal((VIDEOS, 1024)), "audio": rng.standard_normal((VIDEOS, 128))}
    frames = {name: rng.integers(0, 256, (VIDEOS, FRAMES, width)) for name, width in (("rgb", 1024), ("audio", 128))}
    expected: dict[str, Any] = means | {f"{name}_frames": values for name, values in frames.items()}
    np.savez(folder / "expected.npz", **expected)
    for level, write in (("video", video_level), ("frame", frame_level)):
        (folder / level).mkdir()
        with tf.io.TFRecordWriter(str(folder / level / "validate00.tfrecord")) as first:
            for i in range(4):
                first.write(write(i, means, frames).SerializeToString())
        with tf.io.TFRecordWriter(str(folder / level / "validate01.tfrecord")) as second:
            for i in range(4, VIDEOS):
                second.write(write(i, means, frames).SerializeToString())


def context(i: int) -> dict[str, "tf.train.Feature"]:
    return {
        "id": tf.train.Feature(bytes_list=tf.train.BytesList(value=[f"vid{i}".encode()])),
        "labels": tf.train.Feature(int64_list=tf.train.Int64List(value=LABELS[i])),
    }


def video_level(i: int, means: dict[str, np.ndarray], frames: dict[str, np.ndarray]) -> "tf.train.Example":
    floats = {
        f"mean_{name}": tf.train.Feature(float_list=tf.train.FloatList(value=values[i]))
        for name, values in means.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=context(i) | floats))


def frame_level(i: int, means: dict[str, np.ndarray], frames: dict[str, np.ndarray]) -> "tf.train.SequenceExample":
    lists = {
        name: tf.train.FeatureList(
            feature=[
                tf.train.Feature(bytes_list=tf.train.BytesList(value=[row.astype(np.uint8).tobytes()]))
                for row in values[i]
            ]
        )
        for name, values in frames.items()
    }
    return tf.train.SequenceExample(
        context=tf.train.Features(feature=context(i)), feature_lists=tf.train.FeatureLists(feature_list=lists)
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
