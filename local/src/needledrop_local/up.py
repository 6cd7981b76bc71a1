"""`up` and `down`: the system left running, and stopped from elsewhere."""

import time
from pathlib import Path

from rich.console import Console

from needledrop_local.home import Home, stop_owner
from needledrop_local.interrupts import interruptible
from needledrop_local.stack import Stack

CHECK_S = 0.5


def run_up(home: Path, port: int) -> None:
    """Run the system until Ctrl-C or `run_down`. `LocalError` where it does not start or a part ends by itself."""
    console = Console(stderr=True)
    with interruptible():
        try:
            with Stack(home, port, console=console) as stack:
                print(f"Needledrop runs at {stack.url} (API at {stack.url}/docs, logs in {home / 'logs'})", flush=True)
                console.print("Ctrl-C stops it.")
                while True:
                    stack.check()
                    time.sleep(CHECK_S)
        except KeyboardInterrupt:
            console.print("stopped")


def run_down(home: Path) -> None:
    """Stop the system that runs in this home, and say whether there was one."""
    stopped = stop_owner(Home(home.resolve()))
    print("stopped" if stopped else f"nothing runs in {home}", flush=True)
