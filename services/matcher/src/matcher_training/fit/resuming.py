"""The folder that a training goes on from, and what it was begun with."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matcher_training.data import Pairs
from matcher_training.data.sequences import Rows

NOTE = "begun.json"


def begin(work: Path, train: Pairs, held_out: Pairs, settings: Mapping[str, Any]) -> None:
    """Make `work` the folder of this training.

    What another one left there is removed: one of other pairs, another split, or other `settings` (as JSON says them).
    A training that went on from it would know pairs that are held out now.
    """
    note = json.dumps({"settings": settings, "train": digest(train), "held_out": digest(held_out)}, sort_keys=True)
    path = work / NOTE
    if work.is_dir() and _read(path) != note:
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    staged = path.with_suffix(".part")
    staged.write_text(note, encoding="utf-8")
    staged.replace(path)


def digest(pairs: Pairs) -> str:
    """SHA-256, in hex, of the pairs' rows in their order, what a row stands for, and the pairs' labels."""
    found = hashlib.sha256()
    for sequences, index in ((pairs.video, pairs.video_index), (pairs.audio, pairs.audio_index)):
        described = [sequences.hop_s, sequences.space, sequences.codes.dtype.str, sequences.dim]
        found.update(json.dumps(described).encode())
        found.update(_bytes(sequences.lengths[index]))
        for number in index:
            found.update(_bytes(sequences[number]))
    if pairs.labels is not None:
        found.update(_bytes(pairs.labels.offsets))
        found.update(_bytes(pairs.labels.ids))
    return found.hexdigest()


def _bytes(rows: Rows) -> bytes:
    return np.ascontiguousarray(rows).tobytes()


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
