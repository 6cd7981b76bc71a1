"""The kinds of jobs that models have."""

from enum import StrEnum


class ModelJob(StrEnum):
    """`activate`: embedding the library with the model, then the switch."""

    TRAIN = "train"
    ACTIVATE = "activate"
