"""The account that PostgreSQL runs under where everything else runs as root, which it refuses."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from needledrop_local.errors import LocalError

UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int


def server_account() -> Account | None:
    """None for an ordinary user, who can run PostgreSQL; the account `nobody` where this process is root."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise LocalError(
            f"PostgreSQL refuses to run as root, and there is no account “{UNPRIVILEGED}” to run it under; "
            "start this as an ordinary user"
        ) from error
    return Account(entry.pw_uid, entry.pw_gid)


def let_enter(path: Path) -> list[Path]:
    """Let other accounts pass through the folders above `path`, without listing them; returns those changed."""
    changed = []
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
            changed.append(folder)
    return changed


def let_read(folder: Path) -> None:
    """Let other accounts read the folder's files and run its programs, as after an installation with umask 022."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if wanted != mode:
            path.chmod(wanted)
