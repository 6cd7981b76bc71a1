"""Each way in which a file can be unusable has its code."""

import os
import struct
import wave
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from needledrop.errors import ErrorCode, MediaError
from needledrop_media import MediaReader, open_audio, open_frames
from tests.media_files import numbered, sine, steady, write_film, write_sound, write_wave

Open = Callable[[Path], AbstractContextManager[MediaReader[Any]]]
BOTH: list[Open] = [open_audio, open_frames]


def code_of(open_media: Open, path: Path) -> ErrorCode:
    with pytest.raises(MediaError) as raised, open_media(path) as reader:
        for _ in reader:
            pass
    assert str(path.parent) not in raised.value.detail
    return raised.value.code


@pytest.mark.parametrize("open_media", BOTH)
class TestWhateverIsWanted:
    def test_an_empty_file(self, tmp_path: Path, open_media: Open) -> None:
        path = tmp_path / "a.mp4"
        path.touch()
        assert code_of(open_media, path) is ErrorCode.MEDIA_EMPTY

    def test_a_file_that_isnt_there(self, tmp_path: Path, open_media: Open) -> None:
        assert code_of(open_media, tmp_path / "a.mp4") is ErrorCode.MEDIA_UNREADABLE

    def test_a_folder(self, tmp_path: Path, open_media: Open) -> None:
        assert code_of(open_media, tmp_path) is ErrorCode.MEDIA_UNREADABLE

    def test_a_named_pipe_that_nobody_writes_to(self, tmp_path: Path, open_media: Open) -> None:
        os.mkfifo(tmp_path / "a.mp4")
        assert code_of(open_media, tmp_path / "a.mp4") is ErrorCode.MEDIA_UNREADABLE

    def test_text(self, tmp_path: Path, open_media: Open) -> None:
        path = tmp_path / "a.mp4"
        path.write_text("These are words, and no film.\n" * 200)
        assert code_of(open_media, path) is ErrorCode.MEDIA_UNREADABLE

    def test_noise(self, tmp_path: Path, open_media: Open) -> None:
        path = tmp_path / "a.mp4"
        path.write_bytes(np.random.default_rng(4).bytes(20_000))
        assert code_of(open_media, path) is ErrorCode.MEDIA_UNREADABLE

    def test_a_film_cut_off_before_its_index(self, tmp_path: Path, open_media: Open) -> None:
        path = write_film(tmp_path / "a.mp4", (numbered(n) for n in range(50)), steady(50))
        path.write_bytes(path.read_bytes()[:-600])
        assert code_of(open_media, path) is ErrorCode.MEDIA_UNREADABLE

    def test_a_still_picture(self, tmp_path: Path, open_media: Open) -> None:
        def chunk(kind: bytes, body: bytes) -> bytes:
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
        rows = zlib.compress((b"\0" + bytes(24)) * 8)
        path = tmp_path / "a.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
        assert code_of(open_media, path) is ErrorCode.MEDIA_UNREADABLE


REFERRING = {
    "hls": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{uri}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile {path}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" profiles='
    '"urn:mpeg:dash:profile:isoff-main:2011" mediaPresentationDuration="PT9S" minBufferTime="PT1S"><Period>'
    '<AdaptationSet mimeType="audio/wav"><Representation id="1" bandwidth="9"><BaseURL>{uri}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("kind", REFERRING)
def test_a_file_that_names_another_isnt_followed(tmp_path: Path, kind: str) -> None:
    other = write_sound(tmp_path / "other.ts", np.zeros((1, 48_000), np.float32), 48000, "aac", "fltp")
    path = tmp_path / "a.mp4"
    path.write_text(REFERRING[kind].format(uri=other.as_uri(), path=other.relative_to("/")))
    assert code_of(open_audio, path) is ErrorCode.MEDIA_UNREADABLE


def test_a_film_without_sound(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [numbered(1)] * 3, steady(3))
    assert code_of(open_audio, path) is ErrorCode.NO_AUDIO


def test_a_sound_without_film(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", np.zeros((16_000, 1), np.int16))
    assert code_of(open_frames, path) is ErrorCode.NO_VIDEO


def test_a_sound_without_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
    assert code_of(open_audio, path) is ErrorCode.NO_AUDIO


def test_a_rate_that_no_sound_has(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", np.zeros((16_000, 1), np.int16), 7)
    assert code_of(open_audio, path) is ErrorCode.MEDIA_UNREADABLE


def test_a_codec_that_isnt_there(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [numbered(1)] * 3, steady(3))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz9"))
    assert code_of(open_frames, path) in {ErrorCode.CODEC_UNSUPPORTED, ErrorCode.MEDIA_UNREADABLE}


def test_sound_damaged_throughout(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mka", sine(440, 2, 48000)[None].astype(np.float32), 48000, "aac", "fltp")
    data = bytearray(path.read_bytes())
    start = data.index(b"\x1f\x43\xb6\x75")
    data[start + 64 :] = bytes(len(data) - start - 64)
    path.write_bytes(bytes(data))
    assert code_of(open_audio, path) in {ErrorCode.NO_AUDIO, ErrorCode.MEDIA_UNREADABLE}
