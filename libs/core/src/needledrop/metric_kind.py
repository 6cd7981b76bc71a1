"""The kinds of metric there are, declared here only: the API, the commands and the training read this list.

`matcher_training.fit.kinds` says of each how it is made and trained.
"""

from enum import StrEnum
from typing import Self


class MetricKind(StrEnum):
    """A kind of metric, and the recipe of that name, which trains it."""

    description: str

    def __new__(cls, value: str, description: str = "") -> Self:
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.description = description
        return kind

    NEEDLEDROP = "needledrop", "our own, with the best settings found for that kind of data"
    VA_METRIC = "va_metric", "the reference's recurrent metric, with its training"
    VA_METRIC2 = "va_metric2", "the reference's metric of maxima over time, with its training"

    @classmethod
    def described(cls) -> str:
        """All kinds with their descriptions, in one line."""
        return "; ".join(f"{kind}: {kind.description}" for kind in cls)
