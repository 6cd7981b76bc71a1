"""Training data from the system's own pairs and choices."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matcher.assets.example import Example
from matcher.choices.repository import ChoiceRepository
from matcher.db import Session
from matcher.pairs.repository import PairRepository
from matcher.registry.repository import spaces_of
from matcher.tables import Model
from needledrop.errors import ErrorCode, FeatureError
from needledrop.features import Codes, matrix_from_bytes
from needledrop_storage.store import MediaStore

if TYPE_CHECKING:
    from matcher_training.data import Pairs, Sequences

FEWEST = 2


def examples_for(session: Session, model: Model) -> list[Example]:
    """What the model is to be trained on: the sources that were asked for, in the model's spaces, oldest first."""
    spaces = spaces_of(model)
    found: list[Example] = []
    if "pairs" in (model.sources or []):
        found += PairRepository(session).usable(spaces)
    if "choices" in (model.sources or []):
        found += ChoiceRepository(session).usable(*spaces)
    return found


def load_pairs(store: MediaStore, examples: Sequence[Example], model: Model) -> "Pairs":
    """The examples' features, all in memory: about 1.2 kB a second. Those of one picture are one group.

    `StorageError` where features are gone, `FeatureError` where they are malformed or there are fewer than two.
    """
    from matcher_training.data import Pairs  # noqa: PLC0415  torch is imported where it is used

    videos, audios, groups = [], [], []
    for example in examples:
        video = matrix_from_bytes(store.get_bytes(example.video.key))
        audio = _stretch(matrix_from_bytes(store.get_bytes(example.audio.key)), example, len(video))
        if len(audio):
            videos.append(video)
            audios.append(audio)
            groups.append(example.video.key)
    if len(groups) < FEWEST:
        raise FeatureError(ErrorCode.FEATURES_INVALID, f"{len(groups)} of the training's pairs and choices are left")
    first = examples[0]
    pairs = Pairs.join(
        _sequences(videos, first.video.hop_s, model.video_space),
        _sequences(audios, first.audio.hop_s, model.audio_space),
    )
    return replace(pairs, groups=np.unique(groups, return_inverse=True)[1].astype(np.int64))


def _stretch(audio: Codes, example: Example, video_rows: int) -> Codes:
    start = round(example.start_s / example.audio.hop_s)
    length = round(video_rows * example.video.hop_s / example.audio.hop_s)
    return audio[start : start + max(1, length)] if example.cut else audio[start:]


def _sequences(matrices: Sequence[Codes], hop_s: float, space: str) -> "Sequences":
    from matcher_training.data import Sequences  # noqa: PLC0415  torch is imported where it is used

    offsets = np.concatenate([[0], np.cumsum([len(matrix) for matrix in matrices])]).astype(np.int64)
    codes = np.concatenate(matrices) if matrices else np.empty((0, 1), np.uint8)
    return Sequences(codes, offsets, np.arange(len(matrices)), hop_s, space)
