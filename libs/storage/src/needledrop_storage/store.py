"""The media store: a local folder or an S3 bucket, behind one small class.

Uploaded files are kept under the SHA-256 of their bytes, feature matrices under the file's SHA-256 and their feature
space, so writing the same thing twice is harmless.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError as ObstoreError
from obstore.store import LocalStore, ObjectStore, S3Store

from needledrop.errors import ErrorCode, StorageError
from needledrop.secrets import bucket_credentials
from needledrop_storage.placing import PART, has_no_room, place_bytes, place_copy, place_file

if TYPE_CHECKING:
    from obstore.store import S3Config

CHUNK = 1 << 20
TEMPORARY = "needledrop-"
"""How the names of our temporary files and folders begin."""
_UNFINISHED = re.compile(r"#\d+$")
"""What a put of obstore's into a folder is called until it is whole."""
REMOTE_PART = 8 << 20
"""A file goes to and comes from a bucket in pieces of this size, so that each request is short."""
REMOTE_TRIES = 3
STAGING = ".staging"
"""Unfinished files of a local store; never listed."""


@dataclass(frozen=True)
class StoredObject:
    """`modified`: when it was written, with time zone."""

    key: str
    bytes: int
    modified: datetime


class MediaStore:
    """Atomic puts, verified gets. Every error is a `StorageError`; a missing object has code `storage_missing`.

    Remote copies for reading go to `scratch`. A remote store that fails is asked again for `retry_s` seconds; a
    request takes at most `timeout_s`.
    """

    def __init__(self, url: str, scratch: Path | None = None, retry_s: float = 20, timeout_s: float = 60) -> None:
        self.url = url
        self._scratch = scratch
        self._root: Path | None = None
        self._store: ObjectStore
        parts = urlsplit(url)
        if parts.scheme == "file":
            self._root = Path(unquote(parts.path))
            self._root.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(self._root)
        elif parts.scheme == "s3":
            self._store = S3Store.from_url(
                url,
                config=cast("S3Config", {"checksum_algorithm": "SHA256", **bucket_credentials()}),
                retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=retry_s)},
                client_options={
                    "timeout": timedelta(seconds=timeout_s),
                    "connect_timeout": timedelta(seconds=5),
                    # These options replace what obstore itself reads from the environment.
                    "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"1", "true"},
                },
            )
        else:
            raise ValueError(f"a media store's address starts with file:// or s3://, not {parts.scheme or url!r}")

    @property
    def staging(self) -> Path:
        """Where a file that will be taken is best received: beside a local store, so that taking it is a rename."""
        return self._root / STAGING if self._root else (self._scratch or Path(tempfile.gettempdir())) / "needledrop"

    def put_file(self, key: str, path: Path) -> None:
        """Store a file's bytes under the key, atomically: readers see nothing or all of it."""
        with _translated(key):
            if self._root is not None:
                place_copy(self._root / key, path, self.staging)
            else:
                self._put_remote(key, path, path.stat().st_size)

    def take_file(self, key: str, path: Path) -> None:
        """The same, and the file is the store's from then on: it may be gone from `path`."""
        with _translated(key):
            if self._root is not None:
                place_file(self._root / key, path, self.staging)
            else:
                self._put_remote(key, path, path.stat().st_size)

    def put_bytes(self, key: str, data: bytes) -> None:
        """Store bytes under the key, atomically."""
        with _translated(key):
            if self._root is not None:
                place_bytes(self._root / key, data, self.staging)
            else:
                self._put_remote(key, data, len(data))

    def get_bytes(self, key: str) -> bytes:
        """All of a small object's bytes (feature matrices; never media)."""
        with _translated(key):
            return bytes(obstore.get(self._store, key).bytes())

    def exists(self, key: str) -> bool:
        return self.size(key) is not None

    def size(self, key: str) -> int | None:
        """Bytes of the object, None where there is none."""
        try:
            with _translated(key):
                return int(obstore.head(self._store, key)["size"])
        except StorageError as error:
            if error.code is ErrorCode.STORAGE_MISSING:
                return None
            raise

    def delete(self, key: str) -> None:
        """Remove the object; no error where there is none."""
        try:
            with _translated(key):
                obstore.delete(self._store, key)
        except StorageError as error:
            if error.code is not ErrorCode.STORAGE_MISSING:
                raise

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key below the prefix."""
        with _translated(prefix):
            for page in obstore.list(self._store, prefix=prefix):
                paths = (str(item["path"]) for item in page)
                yield from (path for path in paths if not path.startswith(STAGING))

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """Every object below the prefix, a page of them in memory at a time."""
        with _translated(prefix):
            for page in obstore.list(self._store, prefix=prefix):
                for item in page:
                    key = str(item["path"])
                    if not key.startswith(STAGING):
                        yield StoredObject(key, int(item["size"]), item["last_modified"])

    def read(self, key: str) -> tuple[int, Iterator[bytes]]:
        """The object's size, and its bytes in pieces of about 1 MiB."""
        with _translated(key):
            found = obstore.get(self._store, key)
            return int(found.meta["size"]), _pieces(key, found.stream(min_chunk_size=CHUNK))

    def leftovers(self, before: datetime) -> Iterator[Path]:
        """Temporary files of the store's own folder and of `scratch`, last written before a time.

        Never of the system's temporary folder: what lies there may be anybody's.
        """
        unfinished: Iterable[Path] = ()
        if self._root:
            named = (path for path in self._root.rglob("*") if _UNFINISHED.search(path.name))
            unfinished = chain(named, self.staging.glob(f"{PART}*"))
        temporary = (
            path
            for folder in {folder for folder in (self._root, self._scratch) if folder is not None}
            for entry in folder.glob(f"{TEMPORARY}*")
            for path in (entry.rglob("*") if entry.is_dir() else [entry])
        )
        for path in (*unfinished, *temporary):
            if path.is_file() and path.stat().st_mtime < before.timestamp():
                yield path

    @contextmanager
    def local_copy(self, key: str, sha256: str) -> Iterator[Path]:
        """A local file holding the object, its hash checked: the store's own file, or a temporary copy of a remote one.

        Read only. `StorageError(storage_corrupt)` where the bytes are not those the hash names.
        """
        if self._root is not None:
            path = self._root / key
            if not path.is_file():
                raise _missing(key)
            with path.open("rb") as file:
                _check_hash(hashlib.file_digest(file, "sha256").hexdigest(), sha256)
            yield path
            return
        with tempfile.TemporaryDirectory(dir=self._scratch, prefix=TEMPORARY) as folder:
            path = Path(folder) / "media"
            with _translated(key):
                self._fetch(key, path)
                with path.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
            _check_hash(found, sha256)
            yield path

    async def read_range(self, key: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """The object's bytes from `start` up to, not including, `stop`, in chunks of at most 1 MiB."""
        for offset in range(start, stop, CHUNK):
            end = min(offset + CHUNK, stop)
            with _translated(key):
                chunk = bytes(await obstore.get_range_async(self._store, key, start=offset, end=end))
            if len(chunk) != end - offset:
                raise _cut_off(key)
            yield chunk

    def _put_remote(self, key: str, data: Path | bytes, size: int) -> None:
        """Put, and ask whether all of it arrived; the server itself checks the SHA-256 that is sent along."""

        def put() -> None:
            obstore.put(self._store, key, data, chunk_size=REMOTE_PART, max_concurrency=4)
            if int(obstore.head(self._store, key)["size"]) != size:
                obstore.delete(self._store, key)
                raise _cut_off(key)

        _repeated(put)

    def _fetch(self, key: str, path: Path) -> None:
        size = int(obstore.head(self._store, key)["size"])
        with path.open("wb") as file:
            for start in range(0, size, REMOTE_PART):
                stop = min(start + REMOTE_PART, size)

                def part(start: int = start, stop: int = stop) -> bytes:
                    data = bytes(obstore.get_range(self._store, key, start=start, end=stop))
                    if len(data) != stop - start:
                        raise _cut_off(key)
                    return data

                file.write(_repeated(part))


T = TypeVar("T")


def _repeated(ask: Callable[[], T]) -> T:
    """What `ask` says; asked again, at most twice, where a transfer was cut off: obstore repeats only whole answers."""
    for _ in range(REMOTE_TRIES - 1):
        try:
            return ask()
        except FileNotFoundError:
            raise
        except (ObstoreError, StorageError):
            continue
    return ask()


def _pieces(key: str, stream: Iterable[Any]) -> Iterator[bytes]:
    with _translated(key):
        for piece in stream:
            yield bytes(piece)


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise _missing(key) from error
    except OSError as error:
        if has_no_room(error):
            raise no_room() from error
        raise StorageError(ErrorCode.STORAGE_UNAVAILABLE, f"the media store failed on {key}") from error
    except ObstoreError as error:
        raise StorageError(ErrorCode.STORAGE_UNAVAILABLE, f"the media store failed on {key}") from error


def no_room() -> StorageError:
    """The disk, or the share of it that is ours, is full."""
    return StorageError(ErrorCode.STORAGE_FULL, "there is no room left to store the file")


def _cut_off(key: str) -> StorageError:
    return StorageError(ErrorCode.STORAGE_UNAVAILABLE, f"the media store cut {key} off")


def _missing(key: str) -> StorageError:
    return StorageError(ErrorCode.STORAGE_MISSING, f"the media store has no {key}")


def _check_hash(found: str, wanted: str) -> None:
    if found != wanted:
        raise StorageError(ErrorCode.STORAGE_CORRUPT, f"the stored bytes of {wanted[:12]}… have another hash")
