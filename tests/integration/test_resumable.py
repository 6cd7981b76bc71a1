"""Whose a resumable upload is, and for how long."""

import os
import time
from pathlib import Path

from matcher.access.keys import KeyWish, create_key
from matcher.access.scopes import Scope
from tests.api import Api
from tests.client import local_client

TUS = {"Tus-Resumable": "1.0.0"}
CREATION = {**TUS, "Upload-Length": "9", "Upload-Metadata": "kind YXVkaW8="}
PIECE = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}


def test_an_upload_is_its_api_keys_own(api: Api) -> None:
    own, other = (create_key(api.database, KeyWish(name, Scope.WRITE)).text for name in ("own", "other"))
    with local_client(api.settings) as client:
        client.headers["Authorization"] = f"Bearer {own}"
        upload = client.post("/uploads", headers=CREATION).headers["location"]
        client.headers["Authorization"] = f"Bearer {other}"
        for answer in (
            client.head(upload, headers=TUS),
            client.patch(upload, headers=PIECE, content=b"foreign"),
            client.delete(upload, headers=TUS),
        ):
            assert answer.status_code == 404
        client.headers["Authorization"] = f"Bearer {own}"
        assert client.head(upload, headers=TUS).headers["upload-offset"] == "0"


def test_an_upload_that_was_left_alone_is_told_to_have_expired(api: Api, tmp_path: Path) -> None:
    upload = api.client.post("/uploads", headers=CREATION).headers["location"]
    identity = upload.rpartition("/")[2].replace("-", "")
    long_ago = time.time() - 365 * 24 * 3600
    files = list(tmp_path.rglob(f"{identity}.*"))
    assert files
    for path in files:
        os.utime(path, (long_ago, long_ago))
    answer = api.client.patch(upload, headers=PIECE, content=b"too late")
    assert (answer.status_code, answer.json()["code"]) == (410, "upload_expired")
