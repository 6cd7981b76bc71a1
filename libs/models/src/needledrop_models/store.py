"""A folder of public files: each is fetched once, checked whenever it is asked for, and in place only when right."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from needledrop.errors import DownloadError, ErrorCode, NeedledropError
from needledrop_models.catalog import PublicFile
from needledrop_models.download import OnBytes, Patience, copy, discard, download
from needledrop_models.record import FetchedFile, Record

FULL_HASH = 64
# Reads a file's form, under the file's name; raises where it is of another.
Form = Callable[[Path, str], object]


class FileStore:
    """Public files in `folder`, from their own addresses, or all from `source`: an address's start, or a folder."""

    def __init__(self, folder: Path, source: str | None = None, patience: Patience | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._source = source
        self._patience = patience or Patience()
        self._record = Record.load(folder)

    def has(self, file: PublicFile, form: Form | None = None) -> bool:
        """Whether the file is there and right: as published, or where nothing is, as the first time and of the form.

        A file that was put there by hand, and that nobody published a hash of, is taken and noted if it has the form.
        One that came under a list of hashes counts under such a list only: it may be of another maker.
        """
        path = self.folder / file.name
        if not path.is_file():
            return False
        found = sha256(path)
        if file.sha256 is not None:
            return self._is_right(file, found)
        by_list = file.name in self._record.files and self._noted(file) is None
        if by_list or not self._is_right(file, found):
            return False
        if form:
            form(path, file.name)
        if self._noted(file) is None:
            self._note(file, path, found, "this folder")
        return True

    def fetch(self, file: PublicFile, form: Form | None, on_bytes: OnBytes) -> FetchedFile:
        """Bring the file and put it in place; `DownloadError` or `BundleError` with its name where it isn't right."""
        part, source = self._bring(file, on_bytes)
        found = sha256(part)
        if not self._is_right(file, found):
            noted = self._noted(file)
            expected = f"{noted.sha256}, which came the first time" if noted else file.sha256 or ""
            size = part.stat().st_size
            discard(file, self.folder)
            raise DownloadError(
                ErrorCode.DOWNLOAD_FAILED,
                f"{file.name}: expected SHA-256 {_or_start(expected)}, {found} came ({size:,} bytes)",
            )
        if form:
            self._check_form(file, part, form)
        part.replace(self.folder / file.name)
        discard(file, self.folder)
        return self._note(file, self.folder / file.name, found, source)

    def path(self, file: PublicFile) -> Path:
        return self.folder / file.name

    def _bring(self, file: PublicFile, on_bytes: OnBytes) -> tuple[Path, str]:
        if self._source and "://" not in self._source:
            return copy(file, Path(self._source), self.folder), "a folder"
        url = f"{self._source.rstrip('/')}/{file.name}" if self._source else file.url
        if not url.startswith(("http://", "https://")):
            raise DownloadError(ErrorCode.DOWNLOAD_FAILED, f"{file.name}: the source is neither HTTP nor a folder")
        return download(file, url, self.folder, self._patience, on_bytes), url

    def _check_form(self, file: PublicFile, part: Path, form: Form) -> None:
        try:
            form(part, file.name)
        except NeedledropError:
            discard(file, self.folder)
            raise

    def _is_right(self, file: PublicFile, found: str) -> bool:
        noted = self._noted(file)
        return found.startswith(noted.sha256 if noted else file.sha256 or "")

    def _noted(self, file: PublicFile) -> FetchedFile | None:
        """What came the first time, of a file without a known hash."""
        noted = self._record.files.get(file.name)
        return noted if noted and not noted.pinned and file.sha256 is None else None

    def _note(self, file: PublicFile, path: Path, found: str, source: str) -> FetchedFile:
        size = path.stat().st_size
        fetched = FetchedFile(source=source, size=size, sha256=found, pinned=file.sha256 is not None)
        self._record.add(self.folder, file.name, fetched)
        return fetched


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _or_start(expected: str) -> str:
    return f"{expected}…" if len(expected) < FULL_HASH else expected
