"""From the start of a process to the features of a clip of some seconds, beside the naive start."""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from bench import media
from bench.measure import in_turns
from bench.report import Table
from bench.settings import BenchSettings

SECONDS = 5.0
IMPORTS = {
    "import torch": "import torch",
    "import torchvision": "import torchvision",
    "import tensorflow": "import tensorflow",
    "the video extractor's imports": "import video_extractor.extractor",
    "the audio extractor's imports": "import audio_extractor.extractor as e, audio_extractor.runtime as r; r._import()",
}
NAIVE_VIDEO = """
import sys, torch, torchvision
from pathlib import Path
from needledrop.bundle import Bundle
from bench.baseline.video import BaselineVideo
extractor = BaselineVideo(Bundle.load(Path(sys.argv[1])), random_first=True)
"""
NAIVE_AUDIO = """
import sys, tensorflow, tensorflow.keras.layers
from pathlib import Path
from needledrop.bundle import Bundle
from bench.baseline.audio import BaselineAudio
extractor = BaselineAudio(Bundle.load(Path(sys.argv[1])), None)
"""
OURS = """
import sys
from pathlib import Path
from needledrop.bundle import Bundle
from needledrop.settings import CoreSettings
from needledrop.features import Modality
from needledrop_worker.startup import starting
bundle = Bundle.load(Path(sys.argv[1]))
with starting(bundle, Modality("{service}")):
    from {service}_extractor.extractor import load
    extractor = load(bundle, CoreSettings(device="cpu"))
"""
EXTRACT = {"naive": "extractor.extract(Path(sys.argv[2]))", "ours": "extractor.extract(Path(sys.argv[2]), print)"}


def run(settings: BenchSettings) -> tuple[Table, ...]:
    bundle = str(settings.bundle)
    with tempfile.TemporaryDirectory() as name:
        files = {"video": media.picture(Path(name), SECONDS, 360), "audio": media.music(Path(name), SECONDS)}
        programs = {what: [text] for what, text in IMPORTS.items()}
        for side, plain in (("video", NAIVE_VIDEO), ("audio", NAIVE_AUDIO)):
            for who, text in (("ours", OURS.format(service=side)), ("naive", plain)):
                arguments = [bundle, str(files[side])]
                programs[f"{side}, {who}: loaded"] = [text, *arguments]
                programs[f"{side}, {who}: first features"] = [text + EXTRACT[who], *arguments]
        for arguments in programs.values():
            _python(arguments)
        costs = in_turns({what: partial(_python, a) for what, a in programs.items()}, settings.rounds)
    rows = [
        (what, cost.wall_s, cost.cpu_s, costs[naive].wall_s / cost.wall_s if (naive := _naive(what)) else None)
        for what, cost in costs.items()
    ]
    return (
        Table(
            f"Cold start: process to features of {SECONDS:.0f} s",
            ("what", "wall s", "processor s", "naive ÷ ours"),
            tuple(rows),
            "Files are in the page cache, and Python's compiled modules on disk. The naive start builds torchvision's "
            "network with random weights and loads the file over them, or imports Keras and restores a session.",
        ),
    )


def _naive(what: str) -> str | None:
    return what.replace("ours", "naive") if ", ours" in what else None


def _python(arguments: list[str]) -> None:
    text, *rest = arguments
    subprocess.run(
        [sys.executable, "-c", text, *rest],
        check=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
