"""The Procfile and the programs it names."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from honcho.environ import parse_procfile

from needledrop_local.errors import LocalError

# Where this environment's console scripts lie; the interpreter's own path must not be resolved, it is a link.
PROGRAMS = Path(sys.executable).parent


def read_procfile(path: Path) -> dict[str, list[str]]:
    """The command of each process by its name, in the file's order, its program's path resolved. `LocalError`."""
    try:
        processes = parse_procfile(path.read_text(encoding="utf-8")).processes
    except OSError as error:
        raise LocalError(f"{path} can't be read: {error.strerror}") from error
    except AssertionError as error:
        raise LocalError(f"{path}: {error}") from error
    if not processes:
        raise LocalError(f"{path} names no process")
    return {name: resolve(shlex.split(command)) for name, command in processes.items()}


def resolve(command: list[str]) -> list[str]:
    """The command with its program's path, this environment's programs first; `LocalError` where there is none."""
    program = shutil.which(command[0], path=search_path())
    if program is None:
        raise LocalError(f"the program {command[0]} is not installed in this environment")
    return [program, *command[1:]]


def search_path() -> str:
    """PATH with this environment's programs first."""
    return os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", os.defpath)])
