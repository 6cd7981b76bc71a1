"""How large a fault test is, what its dice fall from, and the line that it prints."""

import os
from dataclasses import dataclass

LONG = os.environ.get("NEEDLEDROP_CHAOS") == "long"
"""`make chaos`; else the short form, which is part of `make test`."""

SEED = int(os.environ.get("NEEDLEDROP_CHAOS_SEED", "20261124"))
"""Seeds every random choice of a fault test, so that a run can be had again."""


def sized(short: int, long: int) -> int:
    """How many there are to be in the form that runs."""
    return long if LONG else short


@dataclass(frozen=True)
class Outcome:
    """What a fault test did and found. `row`: its number in the table of faults (docs/faults.md).

    `jobs`: jobs, requests or inputs; `lost`: those without their result; `repeated`: those with more than one.
    """

    row: int
    fault: str
    jobs: int
    faults: int
    lost: int
    repeated: int
    seed: int = SEED
    note: str = ""

    def __str__(self) -> str:
        figures = f"jobs {self.jobs}, faults {self.faults}, lost {self.lost}, repeated {self.repeated}"
        note = f" ({self.note})" if self.note else ""
        return f"[{self.row:>2}] {self.fault}: {figures}, seed {self.seed}{note}"
