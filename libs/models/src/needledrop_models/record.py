"""`fetched.json`: what was fetched, and its hash: the pin of a file whose maker publishes none."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from needledrop.errors import DownloadError, ErrorCode

NAME = "fetched.json"


class FetchedFile(BaseModel):
    """`pinned`: whether the hash was known before the file came, or is only what came the first time.

    One that is pinned though nobody published its hash came under a list of hashes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: str
    size: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    pinned: bool


class Record(BaseModel):
    """The record of a folder of downloads, by file name."""

    model_config = ConfigDict(extra="forbid")
    files: dict[str, FetchedFile] = Field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The folder's record, empty where there is none; `DownloadError` where it can't be read."""
        try:
            return cls.model_validate_json((folder / NAME).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, ValidationError) as error:
            raise DownloadError(
                ErrorCode.DOWNLOAD_FAILED, f"{NAME} can't be read; remove it to trust what comes next"
            ) from error

    def add(self, folder: Path, name: str, file: FetchedFile) -> None:
        """Note a file and write the record, atomically."""
        self.files[name] = file
        staged = folder / f".{NAME}.part"
        staged.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        staged.replace(folder / NAME)
