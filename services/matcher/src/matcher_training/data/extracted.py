"""Features of media files, extracted by the extractors' own commands and kept by content."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matcher_training.data.sequences import Rows, invalid
from needledrop.arrays import array_from_bytes
from needledrop.errors import BundleError, ErrorCode
from needledrop.features import Modality

AT_ONCE = 16
# What may go well another time.
PASSING = (ErrorCode.DECODER_CRASHED, ErrorCode.DECODER_TIMEOUT)


@dataclass(frozen=True)
class Media:
    """A file and the SHA-256 of its content."""

    path: Path
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "Media":
        with path.open("rb") as file:
            return cls(path, hashlib.file_digest(file, "sha256").hexdigest())


class FeatureCache:
    """Features of one modality in `folder`, a `.npy` a content; `raw`: the rows before the PCA, float16.

    What could not be extracted is kept too, with its code, so that a second run extracts nothing at all.
    """

    def __init__(self, folder: Path, modality: Modality, bundle: Path, raw: bool = False) -> None:
        self._folder = folder
        self._modality = modality
        self._bundle = bundle
        self._raw = raw

    def fill(self, media: Sequence[Media], report: Callable[[str], None]) -> dict[str, str]:
        """Extract what is not there yet; returns `code: detail` for each content that has no features.

        `report` is given a line a batch. `BundleError` where the extractor is not installed or can't start.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        missing = [each for each in media if not self.path(each).exists() and not self._note(each).exists()]
        failed: dict[str, str] = {}
        for start in range(0, len(missing), AT_ONCE):
            batch = missing[start : start + AT_ONCE]
            report(f"{self._modality}: extracting {start + 1:,} to {start + len(batch):,} of {len(missing):,}")
            failed |= self._extract(batch)
        noted = {each.sha256: self._note(each).read_text() for each in media if self._note(each).exists()}
        return noted | failed

    def path(self, media: Media) -> Path:
        """Where the features of a content lie, once they were extracted."""
        return self._folder / f"{media.sha256}{self._suffix}"

    def read(self, media: Media) -> Rows:
        """[T, D] of a content that `fill` extracted; `FeatureError` where the file was damaged since."""
        try:
            return array_from_bytes(self.path(media).read_bytes())
        except (OSError, ValueError, EOFError) as error:
            raise invalid(f"the cached {self._modality} features of {media.path.name} are damaged") from error

    def _extract(self, media: Sequence[Media]) -> dict[str, str]:
        """One run of the extractor; what failed."""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".extracting-") as name:
            inside = Path(name)
            # Names without surprises, and each output's name known: the link's stem.
            links = [inside / f"{each.sha256}{each.path.suffix}" for each in media]
            for link, each in zip(links, media, strict=True):
                link.symlink_to(each.path.resolve())
            lines = self._run(links, inside / "out")
            failed = {}
            for link, each in zip(links, media, strict=True):
                made = inside / "out" / f"{each.sha256}{self._suffix}"
                if made.exists():
                    made.replace(self.path(each))
                    continue
                failed[each.sha256] = lines.get(str(link), f"{ErrorCode.INTERNAL}: the extractor did not answer")
                code = failed[each.sha256].partition(":")[0]
                if code in list(ErrorCode) and code not in (*PASSING, ErrorCode.INTERNAL):
                    self._note(each).write_text(failed[each.sha256])
            return failed

    def _run(self, links: Sequence[Path], out: Path) -> dict[str, str]:
        """What the extractor said of each file."""
        command = [_program(f"{self._modality}-extractor"), "extract", *map(str, links)]
        command += ["--bundle", str(self._bundle.resolve()), "--out", str(out), *(["--raw"] if self._raw else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = (line.partition(": ") for line in done.stdout.splitlines())
        lines = {path: rest for path, _, rest in said if rest}
        if done.returncode and not lines:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"{self._modality}-extractor could not start: {last}")
        return lines

    @property
    def _suffix(self) -> str:
        return ".raw.npy" if self._raw else ".npy"

    def _note(self, media: Media) -> Path:
        return self._folder / f"{media.sha256}.failed"


def _program(name: str) -> str:
    """The command beside the Python that runs, or on the PATH."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise BundleError(
            ErrorCode.BUNDLE_INVALID, f"{name} is not installed here: features of videos are extracted where it is"
        )
    return found
