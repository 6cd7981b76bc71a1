"""Scenes that differ in one factor only."""

from dataclasses import asdict
from itertools import pairwise

from needledrop_demo import Scene

MIDDLE = Scene(
    drive=0.5, brightness=0.5, register=0.5, density=0.5, texture=0.3, tempo=0.5, harmony=0.5, seed=20_240_229
)
LEVELS = (0.1, 0.5, 0.9)


def along(factor: str, base: Scene = MIDDLE) -> list[Scene]:
    """Three scenes, the factor low, middle and high."""
    values = asdict(base)
    return [Scene(**(values | {factor: level})) for level in LEVELS]


def rises(values: list[float]) -> bool:
    return all(low < high for low, high in pairwise(values))
