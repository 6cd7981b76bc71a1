"""Bundles of made-up files, fetched from a server on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from needledrop.bundle import FileRef
from needledrop.metric import WEIGHTS, MetricCard, MetricSide
from needledrop_models.catalog import PublicFile, Space
from needledrop_models.download import OnBytes, Patience
from needledrop_models.fetch import DOWNLOADS, Fetched, fetch
from needledrop_models.store import FileStore
from tests.unit.models.made_up import digest, public_files
from tests.unit.models.server import FileServer

HASHES = {name: digest(data) for name, data in public_files().items()}


class Fetching:
    """Fetches into `out` from a server of the made-up files, which `hashes` pin; what was said is kept in `said`."""

    def __init__(self, server: FileServer, out: Path) -> None:
        self.server = server
        self.out = out
        self.said: list[str] = []
        self.shown: list[str] = []

    def __call__(
        self,
        *spaces: Space,
        hashes: dict[str, str] | None = HASHES,
        metric: Path | None = None,
        default: Path | None = None,
    ) -> Fetched:
        store = FileStore(self.out / DOWNLOADS, self.server.url, Patience(sleep=lambda _: None))
        show, say = self._show, self.said.append
        return fetch(spaces, self.out, store, show, say, metric=metric, default=default, hashes=hashes)

    @contextmanager
    def _show(self, file: PublicFile) -> Iterator[OnBytes]:
        self.shown.append(file.name)
        yield lambda *_: None


def write_metric(folder: Path, *, audio_hop_s: float = 1.0, video_dim: int = 1024, name: str = "made-up") -> Path:
    """A metric's folder, for `yt8m` if nothing else is said."""
    folder.mkdir(exist_ok=True)
    (folder / WEIGHTS).write_bytes(f"weights of {name}".encode())
    MetricCard(
        name=name,
        kind="va_metric2",
        weights=FileRef.of(folder, WEIGHTS),
        config={"max_s": 10.0},
        audio=MetricSide(dim=128, hop_s=audio_hop_s),
        video=MetricSide(dim=video_dim, hop_s=1.0),
    ).save(folder)
    return folder


def write_pca(path: Path, *, dim: int = 4, columns: int = 2048, seed: int = 0) -> Path:
    """A PCA as `needledrop-train pca` writes one, small."""
    drawn = np.random.default_rng(seed).standard_normal((dim, columns)).astype(np.float32)
    np.savez(path, mean=drawn[0], components=drawn, explained_variance=np.ones(dim, np.float32))
    return path
