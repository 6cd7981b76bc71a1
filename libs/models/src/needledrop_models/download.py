"""Getting one public file: resumed where a connection broke, tried again a bounded number of times."""

import errno
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from needledrop.errors import DownloadError, ErrorCode
from needledrop_models.catalog import MIB, PublicFile
from needledrop_models.http import Answer, BrokenError, PastEndError, request

# The bytes there are now, and all of them where that is known.
OnBytes = Callable[[int, int | None], None]
LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True)
class Patience:
    """`tries` in a row without a MiB gained; a pause after each, doubled every time; `timeout_s` without a byte."""

    tries: int = 5
    pause_s: float = 1.0
    timeout_s: float = 30.0
    sleep: Callable[[float], None] = time.sleep


def download(file: PublicFile, url: str, folder: Path, patience: Patience, on_bytes: OnBytes) -> Path:
    """Bring the file's bytes into the folder; returns the path they lie at, not the file's own: they are unchecked.

    What came of a broken connection stays there, also when this process ends, and is added to. `DownloadError` with
    what was expected and what came where the file can't be had.
    """
    part = _Part(folder, file, url)
    failures = lost = 0
    while True:
        before = part.size
        try:
            with request(url, part.start(), part.validator, patience.timeout_s, file.name) as answer:
                part.take(answer, on_bytes)
            return part.path
        except BrokenError as error:
            if isinstance(error, PastEndError):
                if error.total == before:
                    # All of this version came, and an earlier run ended before it could say so.
                    return part.path
                discard(file, folder)
                lost = max(lost, before)
            # What is fetched once more is no gain: the tries are bounded also where every range is refused.
            failures = 1 if part.size - max(before, lost) >= MIB else failures + 1
            if failures >= patience.tries:
                came = f"{part.size:,} of {_bytes(file.size)} came in {failures} tries"
                raise DownloadError(
                    ErrorCode.DOWNLOAD_FAILED, f"{file.name} from {file.host}: {came}; the last ended with {error}"
                ) from error
            patience.sleep(min(LONGEST_PAUSE_S, patience.pause_s * 2 ** (failures - 1)))


def copy(file: PublicFile, source: Path, folder: Path) -> Path:
    """The same from a folder of files that were brought by hand."""
    part = _Part(folder, file, str(source))
    try:
        size = (source / file.name).stat().st_size
    except OSError as error:
        raise _failed(file, f"is not in the folder {source.name}") from error
    part.require_size(size)
    part.require_room(size)
    with part.writing():
        shutil.copyfile(source / file.name, part.path)
    return part.path


class _Part:
    """`.NAME.part`, the bytes so far, and `.NAME.part.json`: which version of which address they are of."""

    def __init__(self, folder: Path, file: PublicFile, url: str) -> None:
        self.path = folder / f".{file.name}.part"
        self.validator = ""
        self._note = folder / f".{file.name}.part.json"
        self._file = file
        self._url = url

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def start(self) -> int:
        """Where to go on: 0 unless the bytes that are there can be told to be the same file's."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
        known = isinstance(note, dict) and note.get("url") == self._url and isinstance(note.get("validator"), str)
        self.validator = note["validator"] if known else ""
        return self.size if self.validator else 0

    def take(self, answer: Answer, on_bytes: OnBytes) -> None:
        """Write the answer's bytes where they belong; `BrokenError` where fewer came than were told."""
        if answer.total is not None:
            self.require_size(answer.total)
            self.require_room(answer.total - answer.start)
        if answer.type == "text/html":
            raise _failed(self._file, f"expected {_bytes(self._file.size)} of a model file, a web page came")
        self._note.write_text(json.dumps({"url": self._url, "validator": answer.validator}), encoding="utf-8")
        done = answer.start
        with self.writing(), self.path.open("r+b" if done else "wb") as out:
            if done:
                out.seek(done)
                out.truncate()
            for piece in answer:
                out.write(piece)
                done += len(piece)
                self.require_limit(done)
                on_bytes(done, answer.total)
        if answer.total is not None and done != answer.total:
            raise BrokenError(f"an end after {done:,} of {answer.total:,} bytes")
        self.require_size(done)

    def require_size(self, size: int) -> None:
        if self._file.size is not None and size != self._file.size:
            raise _failed(self._file, f"expected {_bytes(self._file.size)}, {size:,} came")
        self.require_limit(size)

    def require_limit(self, size: int) -> None:
        if size > self._file.limit:
            raise _failed(self._file, f"expected at most {self._file.limit:,} bytes, at least {size:,} came")

    def require_room(self, size: int) -> None:
        free = shutil.disk_usage(self.path.parent).free
        if size > free:
            raise _failed(self._file, f"needs {size:,} bytes more, the disk has {free:,}")

    def writing(self) -> "_Writing":
        return _Writing(self._file)


class _Writing:
    """Turns a failed write into an error that names the file."""

    def __init__(self, file: PublicFile) -> None:
        self._file = file

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            what = "the disk is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else f"{error.strerror}"
            raise _failed(self._file, f"can't be written: {what}") from error


def discard(file: PublicFile, folder: Path) -> None:
    """Forget the bytes so far: they are not the file's, or have been put in place."""
    for name in (f".{file.name}.part", f".{file.name}.part.json"):
        (folder / name).unlink(missing_ok=True)


def _bytes(size: int | None) -> str:
    return f"{size:,} bytes" if size is not None else "an unpublished number of bytes"


def _failed(file: PublicFile, what: str) -> DownloadError:
    return DownloadError(ErrorCode.DOWNLOAD_FAILED, f"{file.name}: {what}")
