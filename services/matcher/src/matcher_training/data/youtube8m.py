"""YouTube-8M's TFRecords, video-level and frame-level: https://research.google.com/youtube8m/download.html."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from matcher_training.data.items import Item
from matcher_training.data.sequences import Rows, invalid
from matcher_training.data.tf_example import Example, parse_example
from matcher_training.data.tfrecord import read_records

# Measured on 42,827 videos of the 2018 release that say whether they are music: the labels with 40 videos or more of
# which every single one is. 99.6 % of the music videos carry one of them.
MUSIC_LABELS = frozenset(
    (3, 4, 8, 9, 13, 14, 28, 31, 33, 34, 37, 38, 41, 54, 57, 61, 78, 97, 206, 243, 257, 324, 348, 383, 386)
)


def read_youtube8m(files: Iterable[tuple[int, Path]], music_labels: Collection[int] = MUSIC_LABELS) -> Iterator[Item]:
    """Each record of numbered `.tfrecord` files; the number is the pairs' group.

    Video-level records give one row a side, the floats `mean_rgb` and `mean_audio`; frame-level ones a row a second,
    the codes `rgb` and `audio`. `FeatureError` naming file and offset at the first record that is damaged.
    """
    for group, path in files:
        for offset, record in read_records(path):
            example = parse_example(record, f"{path.name}, record at byte {offset}")
            video, audio = _sides(example)
            labels = example.integers("labels") if example.has("labels") else []
            music = not set(labels).isdisjoint(music_labels)
            yield Item(_id(example), example.where, video, audio, music, group, labels)


def _sides(example: Example) -> tuple[Rows, Rows]:
    if example.has("mean_rgb") and example.has("mean_audio"):
        return example.floats("mean_rgb")[None], example.floats("mean_audio")[None]
    if example.has_frames("rgb") and example.has_frames("audio"):
        return example.frames("rgb"), example.frames("audio")
    raise invalid(
        f"{example.where}: neither mean_rgb and mean_audio nor frames of rgb and audio; "
        f"it holds {', '.join(example.names) or 'nothing'}"
    )


def _id(example: Example) -> str:
    """`id`; releases before 2018 call it `video_id`."""
    return next((example.text(name) for name in ("id", "video_id") if example.has(name)), "")
