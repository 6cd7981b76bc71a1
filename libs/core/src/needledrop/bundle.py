"""The model bundle: a folder with weights, PCAs, a metric, and the `bundle.json` that describes them.

Nothing in a bundle is ever unpickled. Every file is named with its SHA-256; `Bundle.verify` checks them all, and each
loader checks the files that it reads.
"""

import hashlib
import json
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from needledrop.errors import BundleError, ErrorCode
from needledrop.features import FeatureSpace, Modality

MANIFEST = "bundle.json"
SCHEMA_VERSION = 1
LARGEST_MANIFEST = 1 << 20
HASHED_AT_ONCE = 1 << 24
"""Bytes. In small pieces a thread that hashes would wait for Python's lock at each."""

_P = TypeVar("_P", bound="_Part")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileRef(_Part):
    """A file of the bundle, by its path relative to the bundle's root."""

    path: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError("a bundle's file paths are relative and stay inside it")
        return value

    @classmethod
    def of(cls, root: Path, path: str) -> Self:
        """The reference to a file that lies in the folder `root`."""
        return cls(path=path, sha256=_sha256(root / path))


class SidePart(_Part):
    """One modality's way from decoded media to features.

    Without a PCA the side gives the backbone's rows only, `dim` wide: what a PCA is fitted on. It has no space yet.
    """

    backbone: str
    files: tuple[FileRef, ...]
    pca: FileRef | None = None
    preprocessing: str
    hop_s: float = Field(gt=0)
    dim: int = Field(gt=0)

    @property
    def refs(self) -> tuple[FileRef, ...]:
        """Every file of this part."""
        return self.files if self.pca is None else (*self.files, self.pca)

    def space(self, modality: Modality) -> FeatureSpace:
        """The feature space that this part's weights, preprocessing and PCA define; `BundleError` without a PCA."""
        if self.pca is None:
            raise no_pca(modality)
        lines = "\n".join(f"{file.sha256}  {PurePosixPath(file.path).name}" for file in self.files)
        return FeatureSpace(
            modality=modality,
            backbone=self.backbone,
            weights_sha256=hashlib.sha256(lines.encode()).hexdigest(),
            preprocessing=self.preprocessing,
            pca_sha256=self.pca.sha256,
            hop_s=self.hop_s,
            dim=self.dim,
        )


class MetricPart(_Part):
    """The trained metric and the two feature spaces it was trained on."""

    kind: str
    weights: FileRef
    config: dict[str, Any] = Field(default_factory=dict)
    audio_space: str
    video_space: str
    training: dict[str, Any] = Field(default_factory=dict)

    @property
    def id(self) -> str:
        """Short stable id: the kind and twelve hex digits over weights, configuration and spaces."""
        identity = [self.weights.sha256, self.config, self.audio_space, self.video_space]
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        return f"{self.kind}-{digest[:12]}"


class Manifest(_Part):
    """`bundle.json`. A bundle may hold one side only; matching needs both and the metric.

    `checksum`: SHA-256 over all the rest, as `write_manifest` puts it there; one that is written by hand needs none.
    """

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    name: str
    untrained_backbones: bool = False
    notes: str = ""
    audio: SidePart | None = None
    video: SidePart | None = None
    metric: MetricPart | None = None
    checksum: str | None = None


class Bundle:
    """A bundle on disk. Accessors raise `BundleError` for a part that it does not hold."""

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self.root = root
        self.manifest = manifest
        self._hashes: dict[str, Future[str]] = {}

    @classmethod
    def load(cls, root: Path) -> Self:
        """Read `bundle.json` of a folder; `BundleError` where it is absent or malformed. Reads no weights."""
        try:
            with (root / MANIFEST).open("rb") as file:
                data = file.read(LARGEST_MANIFEST)
        except OSError as error:
            where, why = root.absolute().name, error.strerror
            detail = f"no model bundle in {where!r}: {MANIFEST} can't be read ({why})"
            raise BundleError(ErrorCode.BUNDLE_INVALID, detail) from error
        try:
            manifest = Manifest.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"{MANIFEST}: {where}: {first['msg']}") from error
        if manifest.checksum not in (None, _checksum(manifest)):
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"{MANIFEST} was altered: its checksum is another")
        return cls(root, manifest)

    @property
    def audio(self) -> SidePart:
        return self._need(self.manifest.audio, "audio side")

    @property
    def video(self) -> SidePart:
        return self._need(self.manifest.video, "video side")

    @property
    def metric(self) -> MetricPart:
        return self._need(self.manifest.metric, "metric")

    def side(self, modality: Modality) -> SidePart:
        return self.audio if modality is Modality.AUDIO else self.video

    def space(self, modality: Modality) -> FeatureSpace:
        return self.side(modality).space(modality)

    def pca(self, modality: Modality) -> Path:
        """The path of a side's PCA, its hash checked; `BundleError` where there is none yet, or an altered one."""
        ref = self.side(modality).pca
        if ref is None:
            raise no_pca(modality)
        return self.file(ref)

    def file(self, ref: FileRef) -> Path:
        """The path of a file whose hash was just checked; `BundleError` where it is absent or altered."""
        path = self.root / ref.path
        begun = self._hashes.pop(ref.path, None)
        try:
            found = begun.result() if begun else _sha256(path)
        except OSError as error:
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"the bundle lacks {ref.path}") from error
        if found != ref.sha256:
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"{ref.path} is not the file that {MANIFEST} describes")
        return path

    def check_ahead(self, modality: Modality) -> None:
        """Begin to hash a side's files in a thread; the next `file` of each takes what was found.

        For the seconds in which a framework is imported on one core, and the file is read from the disk for the first
        time. `BundleError` where there is no such side.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hash")
        for ref in self.side(modality).refs:
            self._hashes[ref.path] = thread.submit(_sha256, self.root / ref.path)
        thread.shutdown(wait=False)

    def verify(self) -> None:
        """Check every file's hash, and that the metric was trained on this bundle's feature spaces."""
        manifest = self.manifest
        for side in (manifest.audio, manifest.video):
            for ref in side.refs if side else ():
                self.file(ref)
        if manifest.metric:
            self.file(manifest.metric.weights)
            self.require_space(Modality.AUDIO, manifest.metric.audio_space)
            self.require_space(Modality.VIDEO, manifest.metric.video_space)

    def require_space(self, modality: Modality, space: str) -> None:
        """`BundleError(space_mismatch)` unless this bundle's side of the modality has that feature space."""
        found = self.space(modality).id
        if found != space:
            raise BundleError(
                ErrorCode.SPACE_MISMATCH, f"the metric was trained on {space}, this bundle's {modality} side is {found}"
            )

    def _need(self, part: _P | None, what: str) -> _P:
        if part is None:
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"the bundle “{self.manifest.name}” holds no {what}")
        return part


def no_pca(modality: Modality) -> BundleError:
    """What to raise where a side's PCA is needed and has not been fitted yet."""
    return BundleError(ErrorCode.BUNDLE_INVALID, f"the bundle's {modality} side has no PCA yet (see docs/models.md)")


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write `bundle.json` atomically, so that a bundle is either there whole or not there."""
    staged = root / f".{MANIFEST}.part"
    summed = manifest.model_copy(update={"checksum": _checksum(manifest)})
    staged.write_text(summed.model_dump_json(indent=2, exclude_none=True) + "\n", encoding="utf-8")
    staged.replace(root / MANIFEST)


def _checksum(manifest: Manifest) -> str:
    text = manifest.model_dump_json(exclude_none=True, exclude={"checksum"})
    return hashlib.sha256(text.encode()).hexdigest()


def _sha256(path: Path) -> str:
    digest, buffer = hashlib.sha256(), memoryview(bytearray(HASHED_AT_ONCE))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()
