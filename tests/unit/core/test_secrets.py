"""Secrets from files."""

from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from needledrop.errors import StorageError
from needledrop.settings import CoreSettings
from needledrop_storage.store import MediaStore


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEEDLEDROP_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("NEEDLEDROP_REDIS_URL", "redis://from-the-environment/0")
    return tmp_path


def test_a_file_goes_before_the_variable(folder: Path) -> None:
    (folder / "needledrop_redis_url").write_text("redis://:hunter2@from-a-file/0\n")
    settings = CoreSettings()
    assert settings.redis_url.get_secret_value() == "redis://:hunter2@from-a-file/0"
    assert "hunter2" not in str(settings.describe())


def test_an_empty_file_counts_as_none(folder: Path) -> None:
    (folder / "needledrop_redis_url").touch()
    assert CoreSettings().redis_url.get_secret_value() == "redis://from-the-environment/0"


def test_no_folder_counts_as_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEEDLEDROP_SECRETS_DIR", str(folder / "absent"))
    assert CoreSettings().redis_url.get_secret_value() == "redis://from-the-environment/0"


def test_a_setting_that_is_no_secret_comes_from_no_file(folder: Path) -> None:
    (folder / "needledrop_media_url").write_text("file:///elsewhere")
    assert CoreSettings().media_url != "file:///elsewhere"


def test_a_buckets_key_is_read_from_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        # Without a key, obstore asks the machine's own metadata service: here, nobody.
        "AWS_METADATA_ENDPOINT": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StorageError, match="storage_unavailable"):
        MediaStore("s3://media", retry_s=0.5).exists("media/x")
    (folder / "aws_access_key_id").write_text("test\n")
    (folder / "aws_secret_access_key").write_text("test\n")
    assert not MediaStore("s3://media", retry_s=0.5).exists("media/x")
    server.stop()
