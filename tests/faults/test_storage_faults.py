"""Row 9: the disk is full, the bucket fails. Typed failures, repeated within bounds, and never half a file."""

import ctypes
import hashlib
import os
import random
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from needledrop.errors import ErrorCode, StorageError
from needledrop_storage.keys import media_key
from needledrop_storage.store import MediaStore
from tests.embedded import Servers
from tests.faults.bucket import Fault, FaultyProxy
from tests.faults.chaos import SEED, Outcome, sized
from tests.faults.running import RunningApi, http, running_api

Tell = Callable[[Outcome], None]
DATA = random.Random(SEED).randbytes(100_000)
LARGE = random.Random(SEED + 1).randbytes(20 << 20)
TIMEOUT_S = 1.0


@pytest.fixture(scope="module")
def moto() -> Iterator[tuple[str, int]]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }.items():
            patch.setenv(name, value)
        boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1").create_bucket(Bucket="media")
        yield host, port
    server.stop()


@contextmanager
def faulty(
    moto: tuple[str, int], monkeypatch: pytest.MonkeyPatch, fault: Callable[[str], Fault | None]
) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(moto, fault, hang_s=3 * TIMEOUT_S)
    monkeypatch.setenv("AWS_ENDPOINT", proxy.url)
    yield proxy
    proxy.close()


def times(fault: Fault, count: int, methods: str) -> Callable[[str], Fault | None]:
    """The first `count` requests of these methods fail so."""
    left = count

    def draw(method: str) -> Fault | None:
        nonlocal left
        if method not in methods or left == 0:
            return None
        left -= 1
        return fault

    return draw


PASSING = [fault for fault in Fault if fault is not Fault.SHORT_GET]


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("fault", PASSING)
def test_a_put_that_fails_once_is_repeated_and_whole(
    moto: tuple[str, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: Fault, size: str, tell: Tell
) -> None:
    data = DATA if size == "small" else LARGE
    sha = hashlib.sha256(data).hexdigest()
    path = tmp_path / "file"
    path.write_bytes(data)
    with faulty(moto, monkeypatch, times(fault, 1, "PUT")) as proxy:
        store = MediaStore("s3://media/put", tmp_path, retry_s=10, timeout_s=TIMEOUT_S if fault is Fault.HANG else 30)
        store.take_file(media_key(sha), path)
        with store.local_copy(media_key(sha), sha) as copy:
            whole = copy.read_bytes() == data
        store.delete(media_key(sha))
        tell(Outcome(9, f"bucket {fault}, {size} put", 1, proxy.faults, int(not whole), 0))
        assert whole
        assert proxy.faults == 1
        assert proxy.checksums == proxy.puts > 0


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SHORT_PUT])
def test_a_get_that_fails_once_is_repeated_and_whole(
    moto: tuple[str, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: Fault, tell: Tell
) -> None:
    sha = hashlib.sha256(LARGE).hexdigest()
    with faulty(moto, monkeypatch, times(fault, 2, "GET")) as proxy:
        store = MediaStore("s3://media/get", tmp_path, retry_s=10, timeout_s=TIMEOUT_S if fault is Fault.HANG else 30)
        store.put_bytes(media_key(sha), LARGE)
        with store.local_copy(media_key(sha), sha) as copy:
            whole = copy.read_bytes() == LARGE
        tell(Outcome(9, f"bucket {fault}, get", 1, proxy.faults, int(not whole), 0))
        assert whole
        assert proxy.faults == 2
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.ERROR_503, Fault.RESET, Fault.SHORT_PUT])
def test_a_bucket_that_keeps_failing_is_a_typed_failure_and_keeps_no_half(
    moto: tuple[str, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: Fault, tell: Tell
) -> None:
    sha = hashlib.sha256(DATA).hexdigest()
    with faulty(moto, monkeypatch, times(fault, 10_000, "PUT")) as proxy:
        store = MediaStore("s3://media/failing", tmp_path, retry_s=0.5)
        with pytest.raises(StorageError) as caught:
            store.put_bytes(media_key(sha), DATA)
        tell(Outcome(9, f"bucket always {fault}", 1, proxy.faults, 0, 0))
        assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE
        assert proxy.faults <= 30
        assert not store.exists(media_key(sha))


def test_uploads_to_a_bucket_that_fails_now_and_then_are_whole_or_refused(
    moto: tuple[str, int],
    monkeypatch: pytest.MonkeyPatch,
    servers: Servers,
    tmp_path: Path,
    tell: Tell,
) -> None:
    dice, count = random.Random(SEED), sized(30, 400)
    kinds = [Fault.ERROR_500, Fault.ERROR_503, Fault.RESET, Fault.SHORT_PUT]

    def draw(_: str) -> Fault | None:
        return dice.choice(kinds) if dice.random() < 0.3 else None

    with (
        faulty(moto, monkeypatch, draw) as proxy,
        running_api(servers, tmp_path, media_url="s3://media/api", uploads_dir=tmp_path / "uploads") as api,
    ):
        sent = {bytes([number]) * 5000: 0 for number in range(count % 256)}
        statuses = []
        for data in sent:
            answer = http.post(f"{api.url}/audio", content=data)
            statuses.append(answer.status_code)
            sent[data] = answer.status_code
        accepted = [data for data, status in sent.items() if status == 202]
        proxy.fault = lambda _: None
        tracks = http.get(f"{api.url}/audio?limit=500").json()["items"]
        bad = sum(http.get(f"{api.url}{track['url']}").content not in accepted for track in tracks)
        left = list((tmp_path / "uploads").glob("upload-*"))
        tell(
            Outcome(9, "uploads to a failing bucket", len(sent), proxy.faults, bad, 0, note=f"{len(accepted)} accepted")
        )
        assert set(statuses) <= {202, 503}
        assert len(tracks) == len(accepted) > len(sent) // 2
        assert bad == 0
        assert left == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB; skipped where we may not mount one."""
    libc = ctypes.CDLL(None, use_errno=True)
    folder = tmp_path / "disk"
    folder.mkdir()
    if libc.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, b"size=4m"):
        pytest.skip(f"no file system can be mounted here: {os.strerror(ctypes.get_errno())}")
    yield folder
    libc.umount2(bytes(folder), 2)


@pytest.mark.parametrize("form", ["raw", "form"])
def test_a_full_disk_is_507_with_nothing_half_written(
    servers: Servers, tmp_path: Path, small_disk: Path, form: str, tell: Tell
) -> None:
    with running_api(servers, tmp_path, media_url=(small_disk / "media").as_uri()) as api:
        fits = http.post(f"{api.url}/audio", content=DATA)
        before = _state(api, small_disk)
        statuses = [_post(api, LARGE[: (8 << 20) + number], form) for number in range(sized(3, 30))]
        after = _state(api, small_disk)
        again = http.post(f"{api.url}/audio", content=DATA[:-1])
        tell(Outcome(9, f"full disk, {form}", len(statuses), len(statuses), 0, 0))
        assert statuses == [(507, "storage_full")] * len(statuses)
        assert after == before
        assert (fits.status_code, again.status_code) == (202, 202)


def test_a_file_larger_than_may_be_written_is_507_too(servers: Servers, tmp_path: Path, tell: Tell) -> None:
    with running_api(servers, tmp_path) as api:
        resource.prlimit(api.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
        before = _state(api, tmp_path / "media")
        found = [_post(api, LARGE[: 2 << 20], "raw"), _post(api, LARGE[: 2 << 20], "form")]
        after = _state(api, tmp_path / "media")
        tell(Outcome(9, "file size limit", 2, 2, 0, 0))
        assert found == [(507, "storage_full")] * 2
        assert after == before
        assert http.post(f"{api.url}/audio", content=DATA).status_code == 202


def test_features_that_find_no_room_are_a_typed_failure_and_leave_nothing(small_disk: Path, tell: Tell) -> None:
    store = MediaStore((small_disk / "media").as_uri())
    with pytest.raises(StorageError) as caught:
        store.put_bytes("features/ab/x.npy", LARGE)
    tell(Outcome(9, "full disk, result", 1, 1, 0, 0))
    assert caught.value.code is ErrorCode.STORAGE_FULL
    assert list(store.keys("")) == []
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []
    store.put_bytes("features/ab/x.npy", DATA)
    assert store.get_bytes("features/ab/x.npy") == DATA


def _post(api: RunningApi, data: bytes, form: str) -> tuple[int, str]:
    url = f"{api.url}/videos"
    answer = http.post(url, content=data) if form == "raw" else http.post(url, files={"file": ("a", data)})
    return answer.status_code, answer.json()["code"]


def _state(api: RunningApi, folder: Path) -> tuple[dict[str, int], set[str]]:
    return api.rows(), {str(path) for path in folder.rglob("*") if path.is_file()}
