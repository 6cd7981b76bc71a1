"""`up` and `down`: the system left running, and stopped from elsewhere."""

import time
from pathlib import Path

from rich.console import Console

from needledrop_local.home import Home, stop_owner
from needledrop_local.interrupts import interruptible
from needledrop_local.stack import PROCFILE, Stack
from needledrop_models.choice import chosen

# Compose's settings; of them the bundle counts here, too.
ENV_FILE = PROCFILE.with_name(".env")
CHECK_S = 0.5


def run_up(home: Path, port: int) -> None:
    """Run the system until Ctrl-C or `run_down`. `LocalError` where it does not start or a part keeps on ending.

    Its bundle is the one that `needledrop-models use` chose, else the demo's.
    """
    console = Console(stderr=True)
    bundle = chosen(ENV_FILE)
    with interruptible():
        try:
            with Stack(home, port, bundle=bundle, console=console) as stack:
                print(f"Needledrop runs at {stack.url} (API at {stack.url}/docs, logs in {home / 'logs'})", flush=True)
                console.print("Ctrl-C stops it.")
                while True:
                    stack.tend()
                    time.sleep(CHECK_S)
        except KeyboardInterrupt:
            console.print("stopped")


def run_down(home: Path) -> None:
    """Stop the system that runs in this home, and say whether there was one."""
    stopped = stop_owner(Home(home.resolve()))
    print("stopped" if stopped else f"nothing runs in {home}", flush=True)
