"""Uploads under way on the disk: `ID.bin` is what has come, `ID.json` what is to come. They outlive the process.

Once the file has been added, `ID.bin` is gone.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from matcher.errors import ApiError
from matcher.uploads.files import lock, translated, write_all
from needledrop_storage.placing import place_bytes

MAX_OPEN = 1000
_ID = re.compile("[0-9a-f]{32}")


class Announced(BaseModel):
    """What the client said of the file, and how far we are: `sha256` once all of it is there, `location` once added.

    `kind` is its target's; `fields` are its target's, as they came.
    """

    model_config = ConfigDict(frozen=True)
    caller: str
    length: int
    kind: str
    filename: str
    media_type: str
    fields: dict[str, str]
    sha256: str | None = None
    location: str | None = None


class Partials:
    """The uploads in a folder. Each is kept for `keep_s` seconds after its last change."""

    def __init__(self, folder: Path, keep_s: float) -> None:
        self._folder = folder / "resumable"
        self._keep_s = keep_s

    def create(self, announced: Announced) -> UUID:
        """`ApiError(too_many_uploads)` where too many are open."""
        upload_id = uuid4()
        with translated():
            self._folder.mkdir(parents=True, exist_ok=True)
            if sum(1 for _ in self._folder.glob("*.bin")) >= MAX_OPEN:
                raise ApiError(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "too_many_uploads",
                    f"{MAX_OPEN} resumable uploads are open",
                    {"Retry-After": "60"},
                )
            self.data(upload_id).touch()
        self.describe(upload_id, announced)
        return upload_id

    def find(self, upload_id: UUID, caller: str) -> Announced:
        """`ApiError`: `not_found` (also where it is another caller's), `upload_expired`."""
        try:
            announced = Announced.model_validate_json(self._card(upload_id).read_bytes())
        except (FileNotFoundError, ValidationError):
            announced = None
        if announced is None or announced.caller != caller:
            raise ApiError(HTTPStatus.NOT_FOUND, "not_found", "there is no such upload")
        if self.expires_at(upload_id) < time.time():
            raise ApiError(HTTPStatus.GONE, "upload_expired", "the upload was left alone for too long")
        return announced

    def describe(self, upload_id: UUID, announced: Announced) -> None:
        with translated():
            place_bytes(self._card(upload_id), json.dumps(announced.model_dump()).encode(), self._folder)

    def data(self, upload_id: UUID) -> Path:
        return self._folder / f"{upload_id.hex}.bin"

    def offset(self, upload_id: UUID, announced: Announced) -> int:
        """How many bytes have come."""
        if announced.sha256:
            return announced.length
        try:
            return self.data(upload_id).stat().st_size
        except FileNotFoundError:
            return 0

    def expires_at(self, upload_id: UUID) -> float:
        """Seconds since 1970."""
        changed = [path.stat().st_mtime for path in (self._card(upload_id), self.data(upload_id)) if path.exists()]
        return max(changed, default=0.0) + self._keep_s

    @contextmanager
    def tail(self, upload_id: UUID) -> Iterator["Tail | None"]:
        """The end of the upload's file, for this request alone; None where there is no file any more.

        `ApiError(upload_locked)`.
        """
        descriptor = self._open(upload_id)
        if descriptor is None:
            yield None
            return
        try:
            if not lock(descriptor):
                raise ApiError(
                    HTTPStatus.LOCKED, "upload_locked", "another request is sending this file", {"Retry-After": "1"}
                )
            yield Tail(descriptor)
        finally:
            os.close(descriptor)

    def delete(self, upload_id: UUID) -> None:
        self._card(upload_id).unlink(missing_ok=True)
        self.data(upload_id).unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove what has expired; how many."""
        names = {path.stem for path in [*self._folder.glob("*.json"), *self._folder.glob("*.bin")]}
        ids = [UUID(name) for name in names if _ID.fullmatch(name)]
        expired = [upload_id for upload_id in ids if self.expires_at(upload_id) < time.time()]
        for upload_id in expired:
            self.delete(upload_id)
        return len(expired)

    def _open(self, upload_id: UUID) -> int | None:
        with translated():
            try:
                return os.open(self.data(upload_id), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            except FileNotFoundError:
                return None

    def _card(self, upload_id: UUID) -> Path:
        return self._folder / f"{upload_id.hex}.json"


class Tail:
    """Where an upload's file goes on."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @property
    def offset(self) -> int:
        return os.fstat(self._descriptor).st_size

    def append(self, data: bytes | bytearray) -> None:
        write_all(self._descriptor, data)

    def sync(self) -> None:
        """What has come is on the disk: the client will not send it again."""
        with translated():
            os.fsync(self._descriptor)
