"""What a backup says of itself, in its first member."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from needledrop.errors import BackupError, ErrorCode

HEADER = "backup.json"
END = "end.json"
FORMAT = 1


class _Member(BaseModel):
    model_config = ConfigDict(frozen=True)

    @classmethod
    def read(cls, data: bytes) -> Self:
        """`BackupError` where it is malformed."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise BackupError(
                ErrorCode.BACKUP_INVALID, "this is no whole backup: what it says of itself is malformed"
            ) from error


class Header(_Member):
    """`revision`: the migration that the tables are at. `tables`: each with its columns, in the order of restoring.

    `bundle`: the installed bundle's name and metric. It is not part of the backup, and new files need the same one.
    """

    format: int = Field(default=FORMAT, ge=1, le=FORMAT)
    created_at: datetime
    version: str
    revision: str
    tables: dict[str, list[str]]
    bundle: str | None


class End(_Member):
    """The last member before the sums. `damaged`: objects that the store lacked, or that were altered."""

    damaged: list[str]
