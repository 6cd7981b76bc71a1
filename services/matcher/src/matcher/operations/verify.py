"""Verification: every object that a row names is read and compared with what the row says of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from matcher.db import Database
from matcher.operations.repository.objects import NamedObject, named_objects
from needledrop.errors import ErrorCode, NeedledropError, StorageError
from needledrop.features import matrix_from_bytes
from needledrop.messages import MediaInfo
from needledrop_storage.store import MediaStore


@dataclass(frozen=True)
class Damage:
    """An object that is not as its row says: `storage_missing`, `storage_corrupt` or `features_invalid`."""

    key: str
    what: str
    code: str


@dataclass
class VerificationReport:
    objects: int = 0
    damaged: list[Damage] = field(default_factory=list)


def verify(database: Database, store: MediaStore) -> VerificationReport:
    """Read every named object, one at a time. `StorageError` where the store can't be reached."""
    report = VerificationReport()
    with database.snapshot() as session:
        for damage in _examine(named_objects(session), store):
            report.objects += 1
            if damage:
                report.damaged.append(damage)
    return report


def _examine(objects: Iterator[NamedObject], store: MediaStore) -> Iterator[Damage | None]:
    for named in objects:
        try:
            _check(named, store)
        except (NeedledropError, ValidationError) as error:
            if isinstance(error, StorageError) and error.code is ErrorCode.STORAGE_UNAVAILABLE:
                raise
            code = error.code if isinstance(error, NeedledropError) else ErrorCode.STORAGE_CORRUPT
            yield Damage(named.key, named.what, code)
        else:
            yield None


def _check(named: NamedObject, store: MediaStore) -> None:
    if named.sha256 is not None:
        with store.local_copy(named.key, named.sha256):
            return
    data = store.get_bytes(named.key)
    if named.rows is None:
        MediaInfo.model_validate_json(data)
    elif len(matrix_from_bytes(data)) != named.rows:
        raise StorageError(ErrorCode.STORAGE_CORRUPT, f"{named.key} has another number of rows")
