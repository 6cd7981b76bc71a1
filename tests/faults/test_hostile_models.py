"""Row 13: files of a model that want to run, to lead out, or to be what they are not are refused by name."""

import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zstandard

from audio_extractor.pca import Pca as AudioPca
from matcher_training.towers.weights import load_weights
from needledrop.bundle import Bundle, FileRef, Manifest, SidePart, write_manifest
from needledrop.errors import BundleError, FeatureError
from needledrop.features import Modality, matrix_from_bytes
from needledrop.messages import REPLY_QUEUE, Task
from needledrop.settings import CoreSettings
from needledrop_models.archive import open_bundle, unpack
from needledrop_models.video_pca import VideoPca
from needledrop_worker.celery import make_celery
from tests.embedded import Servers
from tests.extracting import extract_request
from tests.faults.chaos import SEED, Outcome, sized
from tests.made_up import bundle as made_up_bundle
from video_extractor.weights import read_state_dict

Tell = Callable[[Outcome], None]


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "marker"
    assert not (tmp_path / "marker").exists()


def test_the_marker_would_appear_if_anything_were_unpickled(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Evil(tmp_path / "made")))
    assert (tmp_path / "made").is_dir()


def test_a_flipped_bit_in_any_file_of_a_bundle_is_found_and_the_file_is_named(tmp_path: Path, tell: Tell) -> None:
    made_up_bundle(tmp_path)
    rng, accepted, flips = np.random.default_rng(SEED), [], 0
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        for bit in rng.integers(0, 8 * len(whole), sized(25, 1000)):
            data = bytearray(whole)
            data[bit // 8] ^= 1 << (bit % 8)
            path.write_bytes(data)
            flips += 1
            try:
                Bundle.load(tmp_path).verify()
            except BundleError as error:
                if path.name not in error.detail:
                    accepted.append(error.detail)
            else:
                accepted.append(f"{path.name} bit {bit}")
        path.write_bytes(whole)
    Bundle.load(tmp_path).verify()
    tell(Outcome(13, "one flipped bit in a bundle", flips, flips, len(accepted), 0))
    assert accepted == []


def evil_weights(marker: Path) -> dict[str, bytes]:
    zipped, legacy, mixed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    torch.save(Evil(marker), zipped)
    torch.save(Evil(marker), legacy, _use_new_zipfile_serialization=False)
    torch.save({"Conv2d_1a_3x3.conv.weight": torch.zeros(1), "x": Evil(marker)}, mixed)
    return {
        "zip": zipped.getvalue(),
        "legacy": legacy.getvalue(),
        "mixed": mixed.getvalue(),
        "pickle": pickle.dumps(Evil(marker)),
        "text": b"weights",
        "empty": b"",
    }


@pytest.mark.parametrize("kind", ["zip", "legacy", "mixed", "pickle", "text", "empty"])
def test_weights_that_want_to_run_are_refused(tmp_path: Path, marker: Path, kind: str) -> None:
    path = tmp_path / "backbone.pth"
    path.write_bytes(evil_weights(marker)[kind])
    with pytest.raises(BundleError, match=r"backbone\.pth"):
        read_state_dict(path)


@pytest.mark.parametrize("header", [2**60, 2**62 + 1, 99_000_000, 10], ids=str)
def test_safetensors_with_a_header_that_lies_are_refused(tmp_path: Path, header: int) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(
        header.to_bytes(8, "little") + b'{"a": {"dtype": "F32", "shape": [1000000000000], "data_offsets": [0, 4]}}'
    )
    with pytest.raises(BundleError, match=r"weights\.safetensors"):
        read_state_dict(path)
    with pytest.raises(BundleError, match=r"weights\.safetensors"):
        load_weights(torch.nn.Linear(1, 1), path)  # type: ignore[arg-type]


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def promising(shape: str, descr: str = "|u1") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + b"\0" * 8


def hostile_arrays(marker: Path) -> dict[str, bytes]:
    return {
        "objects": npy(np.array([[Evil(marker)]], object)),
        "petabytes": promising("(1000000000, 1000000)"),
        "more than an address": promising("(99999999999999, 99999999999999)"),
        "negative": promising("(-1, 4)"),
        "code": promising("(__import__('os').mkdir('x'), 2)"),
        "pickle": pickle.dumps(Evil(marker)),
        "cut off": npy(np.zeros((9, 9), np.uint8))[:-1],
        "more than it says": npy(np.zeros((9, 9), np.uint8)) + b"\0",
        "nothing": b"",
    }


@pytest.mark.parametrize("kind", list(hostile_arrays(Path("/marker"))))
def test_arrays_that_are_not_what_they_say_are_refused(tmp_path: Path, marker: Path, kind: str) -> None:
    data = hostile_arrays(marker)[kind]
    with pytest.raises(FeatureError):
        matrix_from_bytes(data)
    path = tmp_path / "pca.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("mean", "components", "explained_variance", "pca_eigen_vectors", "pca_means"):
            archive.writestr(f"{name}.npy", data)
    with pytest.raises(BundleError, match=r"pca\.npz"):
        VideoPca.load(path)
    with pytest.raises(BundleError, match=r"pca\.npz"):
        AudioPca.load(path)


CHECKPOINTS = """
import sys
from pathlib import Path
import numpy as np
from audio_extractor import vggish
from audio_extractor.runtime import start_tensorflow
from needledrop.errors import BundleError
from needledrop.settings import CoreSettings
from needledrop_models.video_pca import VideoPca
folder, seed, flips = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
runtime, rng = start_tensorflow(CoreSettings(device="cpu")), np.random.default_rng(seed)
# The first layer stands for the network, whose checkpoint of 288 MB would be read for minutes.
vggish.SHAPES = {name: shape for name, shape in vggish.SHAPES.items() if name.startswith("vggish/conv1/")}
weights = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in vggish.SHAPES.items()}
names = vggish.write_checkpoint(folder / "net.ckpt", weights, runtime)
for number in range(flips + 1):
    path = folder / names[number % 2]
    whole = path.read_bytes()
    data = bytearray(whole)
    if number:
        for _ in range(1 + number % 5):
            data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(data[: rng.integers(len(data))] if number % 7 == 6 else data))
    try:
        found = vggish.Vggish.restore(folder / "net.ckpt", runtime)._weights
        same = all(np.array_equal(found[name].numpy(), weights[name]) for name in weights)
        print("whole" if same else "changed")
    except BundleError as error:
        assert "checkpoint" in error.detail, error.detail
        print("refused")
    path.write_bytes(whole)
"""


def test_checkpoints_that_are_corrupt_are_refused(tmp_path: Path, tell: Tell) -> None:
    flips = sized(40, 1000)
    command = [sys.executable, "-c", CHECKPOINTS, str(tmp_path), str(SEED), str(flips)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    # TensorFlow's own lines stand between.
    first, *corrupt = [line for line in done.stdout.splitlines() if line in {"whole", "changed", "refused"}]
    tell(Outcome(13, "corrupt checkpoints", flips + 1, flips, corrupt.count("changed"), 0))
    assert (first, len(corrupt)) == ("whole", flips), "unaltered it is restored"
    # A bit that nothing depends on may be another; no weight may.
    assert "changed" not in corrupt
    assert corrupt.count("refused") > 0.75 * flips


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, target, size
    return made


MEMBERS = {
    "path out": member("../escaped"),
    "absolute path": member("/tmp/needledrop-escaped"),
    "link out": member("link", tarfile.SYMTYPE, "/etc/passwd"),
    "link inside": member("link", tarfile.SYMTYPE, "bundle.json"),
    "hard link": member("link", tarfile.LNKTYPE, "../../etc/passwd"),
    "device": member("null", tarfile.CHRTYPE),
    "pipe": member("pipe", tarfile.FIFOTYPE),
    "terabyte": member("big", size=1 << 40),
}


@pytest.mark.parametrize("kind", list(MEMBERS))
def test_an_archive_with_more_than_plain_files_is_refused(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(MEMBERS[kind], io.BytesIO(b"\0" * (0 if MEMBERS[kind].size else 1)) if kind != "terabyte" else None)
    path = tmp_path / "sub" / "evil.tar.zst"
    path.parent.mkdir()
    path.write_bytes(zstandard.compress(buffer.getvalue()))
    with pytest.raises(BundleError, match=r"evil\.tar\.zst"):
        open_bundle(path)
    assert [found.name for found in tmp_path.rglob("*")] == ["sub", "evil.tar.zst"]


def test_an_archive_that_unpacks_to_far_more_is_refused_before_it_is_written(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for number in range(8):
            tar.addfile(member(f"zeros {number}", size=1 << 20), io.BytesIO(b"\0" * (1 << 20)))
    path = tmp_path / "bomb.tar.zst"
    path.write_bytes(zstandard.compress(buffer.getvalue()))
    assert path.stat().st_size < 4096
    with pytest.raises(BundleError, match=r"bomb\.tar\.zst"):
        unpack(path, tmp_path / "bomb", largest=4 << 20)
    assert [found.name for found in tmp_path.iterdir()] == ["bomb.tar.zst"]


def test_a_worker_that_runs_says_which_file_is_wrong_and_lives(
    servers: Servers, tmp_path: Path, marker: Path, tell: Tell
) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "backbone.pth").write_bytes(evil_weights(marker)["mixed"])
    # The PCA is read first, so it is a right one.
    VideoPca(np.zeros(2048), np.eye(1024, 2048), np.ones(1024)).save(folder / "pca.npz")
    side = SidePart(
        backbone="inception_v3", files=(FileRef.of(folder, "backbone.pth"),), pca=FileRef.of(folder, "pca.npz"),
        preprocessing="seed", hop_s=1.0, dim=1024,
    )  # fmt: skip
    write_manifest(folder, Manifest(name="evil", video=side))
    settings = CoreSettings(redis_url=servers.valkey.url.rsplit("/", 1)[0] + "/7")
    environment = {
        **os.environ,
        "NEEDLEDROP_REDIS_URL": settings.redis_url.get_secret_value(),
        "NEEDLEDROP_MEDIA_URL": (tmp_path / "media").as_uri(),
        "NEEDLEDROP_BUNDLE": str(folder),
        "NEEDLEDROP_RUN_DIR": str(tmp_path),
        "NEEDLEDROP_DEVICE": "cpu",
    }
    command = [str(Path(sys.executable).with_name("video-extractor")), "worker"]
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            failures = [ask(settings) for _ in range(2)]
            alive = worker.poll() is None
        finally:
            worker.terminate()
            worker.wait(60)
    tell(Outcome(13, "jobs for a worker with a malicious .pth", 2, 2, 2 - len(failures), 0))
    for failure in failures:
        assert failure["code"] == "bundle_invalid"
        assert "backbone.pth" in failure["detail"]
    assert alive


def ask(settings: CoreSettings) -> dict[str, Any]:
    """Send a job as the dispatcher does, and wait for the failure that is told."""
    app = make_celery("asking", settings)
    request = extract_request(uuid.uuid4(), 1, Modality.VIDEO, "a" * 64, "s")
    app.send_task(Task.JOB, args=[request.dump()], queue=Modality.VIDEO.value)
    deadline = time.monotonic() + 240
    with app.connection_for_read() as connection, connection.SimpleQueue(REPLY_QUEUE) as answers:
        while True:
            message = answers.get(timeout=max(1.0, deadline - time.monotonic()))
            message.ack()
            (body,) = message.payload[0]
            if body.get("job_id") == str(request.job_id) and "code" in body:
                found: dict[str, Any] = body
                return found


def test_the_start_of_a_system_with_an_altered_bundle_says_which_file(servers: Servers, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    made_up_bundle(folder)
    with (folder / "audio_pca").open("ab") as file:
        file.write(b"\0")
    environment = {
        **os.environ,
        "NEEDLEDROP_DATABASE_URL": servers.fresh_database(),
        "NEEDLEDROP_BUNDLE": str(folder),
    }
    command = [str(Path(sys.executable).with_name("matcher")), "migrate"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "bundle_invalid: audio_pca is not the file that bundle.json describes" in done.stderr
    assert json.loads((folder / "bundle.json").read_text())["name"] == "made-up"
