"""The demo bundle, made on this machine where it is absent."""

import fcntl
import os
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from needledrop.bundle import MANIFEST
from needledrop_local.process import Process, run_to_end
from needledrop_local.procfile import resolve

MADE_WITHIN_S = 1800.0


def make_demo_bundle(bundle: Path, logs: Path, env: Mapping[str, str], console: Console) -> None:
    """Make both sides at the same time, then train the metric on them; nothing where the bundle is there.

    `ProcessDiedError` with the end of the log where a step fails. An interrupted run is taken up again by the next.
    """
    if (bundle / MANIFEST).is_file():
        return
    bundle.mkdir(parents=True, exist_ok=True)
    with (bundle.parent / f".{bundle.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (bundle / MANIFEST).is_file():
            _make(bundle, logs, env, console)


def _make(bundle: Path, logs: Path, env: Mapping[str, str], console: Console) -> None:
    # Both sides at once on all cores each would be slower than on half of them each.
    threads = {"NEEDLEDROP_THREADS": str(max(1, (os.cpu_count() or 1) // 2)), **env}

    def step(name: str, *command: str) -> Process:
        return Process(name, resolve([*command, str(bundle)]), logs / f"{name}.log", threads)

    _run(
        "making the demo model: stand-in backbones and PCA for sound and picture",
        [step("make-demo-audio", "audio-extractor", "make-demo", "--out"),
         step("make-demo-video", "video-extractor", "make-demo", "--out")],
        console,
    )  # fmt: skip
    _run("training the demo metric", [step("train-demo", "needledrop-train", "demo", "--bundle")], console)


def _run(what: str, processes: list[Process], console: Console) -> None:
    started = time.monotonic()
    if not console.is_terminal:
        console.print(f"{what} …")
    with console.status(what) as status:
        run_to_end(processes, MADE_WITHIN_S, lambda: status.update(f"{what} ({time.monotonic() - started:.0f} s)"))
    console.print(f"{what}: {time.monotonic() - started:.1f} s")
