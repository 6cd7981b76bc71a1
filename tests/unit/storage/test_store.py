import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import boto3
import pytest
from moto.server import ThreadedMotoServer

from needledrop.errors import ErrorCode, StorageError
from needledrop_storage.keys import features_key, info_key, media_key
from needledrop_storage.store import MediaStore

DATA = bytes(range(256)) * 9000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A bucket's address on an S3 server of this process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT": endpoint,
            "AWS_ALLOW_HTTP": "true",
        }.items():
            patch.setenv(name, value)
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="media")
        yield "s3://media/prefix"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> MediaStore:
    url = (tmp_path / "media").as_uri() if request.param == "folder" else request.getfixturevalue("s3")
    store = MediaStore(url, tmp_path)
    for key in list(store.keys("")):
        store.delete(key)
    return store


def test_what_is_put_comes_back(store: MediaStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    store.put_file(media_key(SHA), tmp_path / "file")
    assert store.get_bytes(media_key(SHA)) == DATA
    assert store.size(media_key(SHA)) == len(DATA)
    assert list(store.keys("media")) == [media_key(SHA)]


def test_a_local_copy_has_the_bytes_and_leaves_nothing_behind(store: MediaStore, tmp_path: Path) -> None:
    store.put_bytes(media_key(SHA), DATA)
    before = sorted(tmp_path.iterdir())
    with store.local_copy(media_key(SHA), SHA) as path:
        assert path.read_bytes() == DATA
    assert sorted(tmp_path.iterdir()) == before


def test_a_flipped_bit_is_found(store: MediaStore) -> None:
    store.put_bytes(media_key(SHA), DATA[:-1] + bytes([DATA[-1] ^ 1]))
    with pytest.raises(StorageError) as caught, store.local_copy(media_key(SHA), SHA):
        pass
    assert caught.value.code is ErrorCode.STORAGE_CORRUPT


def test_what_is_missing_is_said_to_be_missing(store: MediaStore) -> None:
    assert store.size("nowhere") is None
    assert not store.exists("nowhere")
    store.delete("nowhere")
    with pytest.raises(StorageError) as caught:
        store.get_bytes("nowhere")
    assert caught.value.code is ErrorCode.STORAGE_MISSING
    with pytest.raises(StorageError) as caught, store.local_copy("nowhere", SHA):
        pass
    assert caught.value.code is ErrorCode.STORAGE_MISSING


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (5, 9), (1_000_000, 2_000_000), (0, len(DATA)), (7, 7)])
def test_a_range_is_the_slice(store: MediaStore, start: int, stop: int) -> None:
    store.put_bytes("key", DATA)

    async def read() -> bytes:
        return b"".join([chunk async for chunk in store.read_range("key", start, stop)])

    assert anyio.run(read) == DATA[start:stop]


def test_a_deleted_object_is_gone(store: MediaStore) -> None:
    store.put_bytes("key", b"x")
    store.delete("key")
    assert not store.exists("key")


def test_files_that_were_cut_off_while_they_were_copied_are_leftovers(tmp_path: Path) -> None:
    store = MediaStore((tmp_path / "media").as_uri())
    store.staging.mkdir()
    old, young, other = (store.staging / name for name in ("part-old", "part-young", "upload-old"))
    for path in (old, young, other):
        path.write_bytes(b"x")
    for path in (old, other):
        os.utime(path, (1, 1))
    assert list(store.leftovers(datetime.now(UTC) - timedelta(hours=1))) == [old]


def test_a_store_out_of_reach_has_its_own_code(monkeypatch: pytest.MonkeyPatch, s3: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(StorageError) as caught:
        MediaStore(s3, retry_s=0.2).get_bytes("key")
    assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE


def test_another_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="file:// or s3://"):
        MediaStore("http://example.invalid")


def test_keys_are_made_of_content_and_space() -> None:
    assert media_key("abcd") == "media/ab/abcd"
    assert features_key("abcd", "audio-1") == "features/ab/abcd/audio-1.npy"
    assert info_key("features/ab/abcd/audio-1.npy") == "features/ab/abcd/audio-1.json"
