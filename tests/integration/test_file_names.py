"""File names are data: kept without what could mislead, never a path, and given back as they are."""

from email.message import Message
from urllib.parse import unquote

import pytest

from tests.api import Api

NAMES = {
    "../../etc/passwd": "passwd",
    "..\\..\\boot.ini": "boot.ini",
    "/absolute/a.mp3": "a.mp3",
    "a\x00b.mp3": "ab.mp3",
    "a\nSet-Cookie: x=y.mp3": "aSet-Cookie: x=y.mp3",
    "evil\u202egpj.exe": "evilgpj.exe",
    "n" * 10_000: "n" * 255,
    "“Ünïcode” 音楽 🎵.mp3": "“Ünïcode” 音楽 🎵.mp3",
    'quo"te;% *.mp3': 'quo"te;% *.mp3',
    "": "untitled",
    "/": "untitled",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept_as_data_and_given_back(api: Api, name: str) -> None:
    track = api.client.post("/audio", params={"filename": name}, content=b"x").json()
    assert track["filename"] == NAMES[name]
    answer = api.client.get(track["url"])
    message = Message()
    message["Content-Disposition"] = answer.headers["content-disposition"]
    # The standard library's own reading of RFC 8187; the plain form is for those who don't know it.
    extended = message["Content-Disposition"].rpartition("filename*=UTF-8''")[2]
    assert unquote(extended) == NAMES[name]
    assert message.get_content_disposition() == "inline"
    assert answer.headers["content-disposition"].isascii()
    assert all(key.startswith("media/") for key in api.store.keys(""))


def test_a_name_that_is_no_utf_8_is_kept_readable(api: Api) -> None:
    body = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="\xff\xfe.mp3"\r\n\r\nx\r\n--xx--\r\n'
    answer = api.client.post("/audio", content=body, headers={"Content-Type": "multipart/form-data; boundary=xx"})
    assert answer.json()["filename"] == "\ufffd\ufffd.mp3"


@pytest.mark.parametrize("kind", ["audio/x\r\nSet-Cookie: a=b", "audio/\xff", "audio/" + "x" * 500, "text/html"])
def test_a_type_that_is_none_of_media_is_never_served(api: Api, kind: str) -> None:
    head = '--xx\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
    part = f"{head}Content-Type: {kind}\r\n\r\nx\r\n--xx--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=xx"}
    posted = api.client.post("/audio", content=part.encode("latin-1"), headers=headers)
    assert posted.status_code == 202
    answer = api.client.get(posted.json()["url"])
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert answer.headers["content-type"] in {"application/octet-stream", "audio/x"}
