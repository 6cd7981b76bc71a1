"""Bring a folder of audio into the library, through the API."""

import hashlib
import mimetypes
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from needledrop_client import ApiError, Client, Track

POLL_S = 0.5
# Covers, booklets and playlists lie among music; a file of unknown type is offered, and the API decides.
OTHER_KINDS = ("image/", "text/", "application/pdf", "application/zip", "application/json")
OTHER_SUFFIXES = {".m3u", ".m3u8", ".pls", ".cue", ".nfo", ".log", ".ini", ".db"}


@dataclass(frozen=True)
class Refusal:
    """A file that did not become a track, and why."""

    path: Path
    code: str
    detail: str


@dataclass
class Import:
    """`waiting`: ids of uploaded tracks not yet settled; `tracks`: the ready ones. Files of equal bytes share one."""

    waiting: dict[Path, str] = field(default_factory=dict)
    tracks: dict[Path, Track] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)


def audio_files(folder: Path) -> list[Path]:
    """The files below a folder that may be music, hidden ones left out, in the order of their paths."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts) and _may_be(path)
    ]


def upload_files(client: Client, files: list[Path], console: Console) -> Import:
    """Upload what the library lacks, told by its hash; note files that can't be read or are refused, and go on."""
    result = Import()
    known = {track.sha256: track.id for track in client.library() if track.status != "failed"}
    with _bar(console) as bar:
        for path in bar.track(files, description="uploading"):
            try:
                with path.open("rb") as file:
                    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                if sha256 not in known:
                    known[sha256] = client.upload_audio(path).id
            except ApiError as error:
                result.refused.append(Refusal(path, error.code, error.detail))
            except OSError as error:
                result.refused.append(Refusal(path, "file_unreadable", error.strerror or str(error)))
            else:
                result.waiting[path] = known[sha256]
    return result


def wait_for_tracks(client: Client, result: Import, check: Callable[[], None], console: Console) -> None:
    """Wait until every uploaded track is ready or has failed. `check` is called often and may raise."""
    with _bar(console) as bar:
        task = bar.add_task("extracting", total=len(result.waiting))
        while True:
            check()
            library = {track.id: track for track in client.library()}
            for path, track_id in list(result.waiting.items()):
                if _settled(path, library.get(track_id), result):
                    del result.waiting[path]
                    bar.advance(task)
            if not result.waiting:
                return
            time.sleep(POLL_S)


def _settled(path: Path, track: Track | None, result: Import) -> bool:
    if track is None:
        result.refused.append(Refusal(path, "deleted", "the track was deleted meanwhile"))
    elif track.status == "ready":
        result.tracks[path] = track
    elif track.status == "failed":
        error = track.error
        result.refused.append(Refusal(path, error.code if error else "failed", error.detail if error else ""))
    else:
        return False
    return True


def _may_be(path: Path) -> bool:
    kind = mimetypes.guess_type(path.name)[0] or ""
    return not kind.startswith(OTHER_KINDS) and path.suffix.lower() not in OTHER_SUFFIXES


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)
