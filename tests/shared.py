"""Where the material that is not part of the project lies, and what a test does without it."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def missing(what: str) -> None:
    """Skip the test, or fail it where `CI=true`: there, everything must be at hand."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI=true")
    pytest.skip(f"{what} is missing")


def require_shared() -> Path:
    """The folder of real media, feature pairs and reference numbers beside the checkout."""
    if not SHARED.is_dir():
        missing("../shared")
    return SHARED
