"""A list of hashes in the form of `sha256sum`, for a mirror with files of its own."""

import re
from pathlib import Path

from needledrop.errors import DownloadError, ErrorCode

LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


def read_hashes(path: Path) -> dict[str, str]:
    """SHA-256 by file name; `DownloadError` where a line is of another form."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DownloadError(ErrorCode.DOWNLOAD_FAILED, f"{path.name} can't be read") from error
    hashes: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        match = LINE.fullmatch(line.strip())
        if line.strip() and match is None:
            raise DownloadError(ErrorCode.DOWNLOAD_FAILED, f"{path.name}, line {number}: not `SHA256  NAME`")
        if match:
            hashes[Path(match[2]).name] = match[1]
    return hashes
