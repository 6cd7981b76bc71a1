import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tfrecords(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `video` and `frame` of records that TensorFlow wrote, in a process of its own, and `expected.npz`."""
    folder = tmp_path_factory.mktemp("tfrecords")
    program = Path(__file__).with_name("write_tfrecords.py")
    subprocess.run([sys.executable, program, folder], check=True, capture_output=True)
    return folder
