"""The real extraction worker around a stand-in model: it loads at once, and does what the file says.

Queue, leases, process pool, storage, messages and metric are the real ones; only the network is not there. Run as
`python -m tests.faults.stand_in audio`. A file is one line of JSON (`Order`).
"""

import hashlib
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from needledrop.bundle import Bundle, FileRef, Manifest, MetricPart, SidePart, write_manifest
from needledrop.errors import ErrorCode, MediaError
from needledrop.extraction import Extraction, Extractor, Progress
from needledrop.features import Codes, FeatureSpace, Modality
from needledrop.messages import MediaInfo
from needledrop.settings import CoreSettings
from needledrop_extraction.worker import make_extraction_worker
from needledrop_worker.celery import run_worker

DIMS = {Modality.AUDIO: 128, Modality.VIDEO: 1024}
ROWS = 12
EATEN_BYTES, PIECE_BYTES = 1 << 30, 1 << 24
_eaten: list[Codes] = []
RUNS = "runs"
"""In the folder `NEEDLEDROP_FAULTS_DIR`: a line for each run of a file, its SHA-256."""


@dataclass(frozen=True)
class Order:
    """`number` makes files differ. It takes `seconds`; then, at each run or only at the `first`, happens `then`:
    nothing, `kill` (as the kernel does for memory), `hang`, `memory`, `eat` (so much that where memory is bounded the
    kernel kills), `unreadable`."""

    number: int
    seconds: float = 0.02
    then: str = ""
    first: bool = False

    def file(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.file()).hexdigest()


def codes_of(sha256: str, modality: Modality) -> Codes:
    """The features of the file with these bytes: uint8 [ROWS, D], from nothing but its hash."""
    generator = np.random.default_rng(int(sha256[:16], 16))
    return generator.integers(0, 256, (ROWS, DIMS[modality]), np.uint8)


class StandIn:
    def __init__(self, space: FeatureSpace, folder: Path) -> None:
        self.space = space
        self._folder = folder

    def extract(self, path: Path, progress: Progress) -> Extraction:
        order = Order(**json.loads(path.read_bytes()))
        before = self._count(order.sha256)
        deadline = time.monotonic() + order.seconds
        while time.monotonic() < deadline:
            progress(None)
            time.sleep(min(0.1, order.seconds))
        if order.then and not (order.first and before):
            _happen(order.then)
        return Extraction(codes_of(order.sha256, self.space.modality), MediaInfo(duration_s=float(ROWS)))

    def _count(self, sha256: str) -> int:
        """Note this run; how many there were before it."""
        runs = self._folder / RUNS
        before = runs.read_text().split().count(sha256) if runs.exists() else 0
        with runs.open("a") as file:
            file.write(sha256 + "\n")
        return before


def _happen(what: str) -> None:
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "hang":
        time.sleep(3600)
    elif what == "memory":
        raise MemoryError
    elif what == "eat":
        for _ in range(EATEN_BYTES // PIECE_BYTES):
            _eaten.append(np.ones(PIECE_BYTES, np.uint8))
    elif what == "unreadable":
        raise MediaError(ErrorCode.MEDIA_UNREADABLE, "this file says that it can't be read")


def write_bundle(root: Path) -> Bundle:
    """A bundle with stand-in sides and an untrained metric of the reference's kind."""
    # Here, since the worker needs neither.
    import torch  # noqa: PLC0415

    from matcher_training.towers.config import MetricConfig  # noqa: PLC0415
    from matcher_training.towers.reference import make_reference  # noqa: PLC0415
    from matcher_training.towers.weights import save_weights  # noqa: PLC0415
    from needledrop.metric_kind import MetricKind  # noqa: PLC0415

    root.mkdir(parents=True)
    sides = {}
    for modality, dim in DIMS.items():
        for part in ("weights", "pca"):
            (root / f"{modality}.{part}").write_text(f"{modality} {part} of the stand-in")
        sides[modality] = SidePart(
            backbone="stand-in",
            files=(FileRef.of(root, f"{modality}.weights"),),
            pca=FileRef.of(root, f"{modality}.pca"),
            preprocessing="none",
            hop_s=1.0,
            dim=dim,
        )
    torch.manual_seed(0)
    save_weights(make_reference(MetricKind.VA_METRIC2), root / "metric.safetensors")
    metric = MetricPart(
        kind=MetricKind.VA_METRIC2,
        weights=FileRef.of(root, "metric.safetensors"),
        config=MetricConfig(window_s=4.0, window_hop_s=2.0, max_s=10.0).model_dump(),
        audio_space=sides[Modality.AUDIO].space(Modality.AUDIO).id,
        video_space=sides[Modality.VIDEO].space(Modality.VIDEO).id,
    )
    write_manifest(
        root,
        Manifest(
            name="stand-in",
            untrained_backbones=True,
            audio=sides[Modality.AUDIO],
            video=sides[Modality.VIDEO],
            metric=metric,
        ),
    )
    return Bundle.load(root)


def main(modality: Modality) -> None:
    def load(bundle: Bundle, _: CoreSettings) -> Extractor:
        return StandIn(bundle.space(modality), Path(os.environ["NEEDLEDROP_FAULTS_DIR"]))

    app = make_extraction_worker(modality, load)
    if visible := os.environ.get("NEEDLEDROP_FAULTS_VISIBILITY_S"):
        # A worker that gives others' messages up for lost far too early.
        app.conf.broker_transport_options |= {"visibility_timeout": float(visible), "unacked_restore_interval": 1}
    run_worker(app)


if __name__ == "__main__":
    main(Modality(sys.argv[1]))
