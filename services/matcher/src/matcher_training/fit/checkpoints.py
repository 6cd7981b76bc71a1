"""Where a training stands, on disk. Read without unpickling anything but tensors and plain values."""

import pickle
from collections.abc import Set
from pathlib import Path
from typing import Any

import torch


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write the state so that the file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_suffix(".part")
    torch.save(state, staged)
    staged.replace(path)


def read_checkpoint(path: Path, keys: Set[str]) -> dict[str, Any] | None:
    """The state, None where there is none, or none that is whole: training then starts anew."""
    try:
        state = torch.load(path, weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError):
        return None
    return state if isinstance(state, dict) and keys <= state.keys() else None
