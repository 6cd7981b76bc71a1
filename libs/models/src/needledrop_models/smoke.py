"""VGGish's published smoke test, run by the audio extractor's own command: nothing here knows TensorFlow."""

import shutil
import subprocess
import sys
from pathlib import Path

COMMAND = "audio-extractor"


def find_command() -> str | None:
    """The audio extractor's command beside this Python or on the PATH."""
    beside = Path(sys.executable).with_name(COMMAND)
    return str(beside) if beside.is_file() else shutil.which(COMMAND)


def run_smoke_test(command: str, bundle: Path) -> bool:
    """Whether the bundle's VGGish gives the published numbers; what it gives is printed. Takes seconds."""
    return subprocess.run([command, "smoke", "--bundle", str(bundle)], check=False).returncode == 0
