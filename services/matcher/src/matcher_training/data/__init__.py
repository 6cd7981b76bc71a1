"""Training and evaluation data: pairs of feature sequences, and how they are read and drawn from."""

from matcher_training.data.pairs import Labels, Pairs
from matcher_training.data.read import read_pairs
from matcher_training.data.rows import Crop, crop, crop_starts, floats, stack
from matcher_training.data.sequences import Rows, Sequences

__all__ = ["Crop", "Labels", "Pairs", "Rows", "Sequences", "crop", "crop_starts", "floats", "read_pairs", "stack"]
