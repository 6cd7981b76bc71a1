"""Benchmarks of the extractors."""

# First of all: they say how threads wait, which is read when NumPy and PyTorch are loaded.
import audio_extractor  # noqa: F401
import video_extractor  # noqa: F401
