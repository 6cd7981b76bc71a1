"""Files that name others, or that claim what they aren't. Each is written by a function of a path and of lures."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.faults.boxes import alias, audio_track, box, cluster, element, link, matroska, movie, video_track
from tests.media_files import numbered, write_film, write_sound, write_wave

MATROSKA_DURATION = 0x4489


@dataclass(frozen=True)
class Lures:
    """What a hostile file points at: a file of this machine and an address that answers with the same bytes."""

    file: Path
    url: str


Write = Callable[[Path, Lures], None]


def hls(path: Path, lures: Lures) -> None:
    path.write_text(_playlist(lures.url))


def hls_of_a_file(path: Path, lures: Lures) -> None:
    path.write_text(_playlist(str(lures.file)))


def hls_with_a_key(path: Path, lures: Lures) -> None:
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{lures.url}"\n#EXT-X-MAP:URI="{lures.file.as_uri()}"\n'
    path.write_text(_playlist(lures.url).replace("#EXTINF", key + "#EXTINF"))


def hls_of_playlists(path: Path, lures: Lures) -> None:
    path.write_text(f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{lures.url}\n")


def dash(path: Path, lures: Lures) -> None:
    path.write_text(
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT9S" profiles='
        '"urn:mpeg:dash:profile:isoff-main:2011" minBufferTime="PT1S"><Period><AdaptationSet mimeType='
        f'"audio/wav"><Representation id="1" bandwidth="9"><BaseURL>{lures.url}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>"
    )


def concat(path: Path, lures: Lures) -> None:
    path.write_text(f"ffconcat version 1.0\nfile '{lures.file}'\n")


def concat_of_an_address(path: Path, lures: Lures) -> None:
    path.write_text(f"ffconcat version 1.0\nfile '{lures.url}'\n")


def sdp(path: Path, lures: Lures) -> None:
    port = lures.url.split(":")[2].split("/")[0]
    path.write_text(f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n")


def smooth_streaming_redirect(path: Path, lures: Lures) -> None:
    path.write_text(f'<asx version="3.0"><entry><ref href="{lures.url}"/></entry></asx>')


def real_playlist(path: Path, lures: Lures) -> None:
    path.write_text(f"{lures.url}\n{lures.file.as_uri()}\n")


def image_pattern(path: Path, lures: Lures) -> None:
    """The name itself is a pattern that would find its neighbours."""
    path.with_name(path.name % 2).write_bytes(lures.file.read_bytes())
    path.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(200))


def alias_to_a_file(path: Path, lures: Lures) -> None:
    reference = alias(str(lures.file))
    path.write_bytes(movie(reference, samples=16_000, offset=44, own=b""))


def link_to_an_address(path: Path, lures: Lures) -> None:
    path.write_bytes(movie(link(lures.url), samples=16_000, offset=44, own=b""))


def linked_cover(path: Path, lures: Lures) -> None:
    """An MP3 whose cover picture is an address (ID3v2 APIC with the type "-->")."""
    write_sound(path.with_suffix(".mp3"), np.zeros((1, 44_100), np.float32), 44_100, "mp3", "fltp")
    picture = b"\0-->\0\x03\0" + lures.url.encode()
    frame = b"APIC" + struct.pack(">I", len(picture)) + bytes(2) + picture
    tag = b"ID3\x03\0\0" + bytes((0, 0, len(frame) >> 7, len(frame) & 127)) + frame
    path.write_bytes(tag + path.with_suffix(".mp3").read_bytes())


def attachments_and_fonts(path: Path, lures: Lures) -> None:
    """A sound with an attached font, and with subtitles that ask for fonts by path."""
    style = f"[Script Info]\nScriptType: v4.00+\n[V4+ Styles]\nStyle: Default,{lures.file},20\n"
    subtitles = element(
        0xAE,
        element(0xD7, 2),
        element(0x73C5, 2),
        element(0x83, 0x11),
        element(0x86, "S_TEXT/ASS"),
        element(0x63A2, style),
    )
    named = element(0x466E, str(lures.file)), element(0x4660, "application/x-truetype-font")
    font = element(0x1941A469, element(0x61A7, *named, element(0x465C, bytes(99)), element(0x46AE, 9)))
    line = f"0,0,Default,,0,0,0,,{{\\fn{lures.file}}}words"
    blocks = cluster((1, bytes(32_000)), (2, line.encode()))
    path.write_bytes(matroska(b"", [audio_track(1), subtitles], font + blocks))


def linked_segments(path: Path, lures: Lures) -> None:
    """Matroska's own way to go on in another file: the next segment's name."""
    info = element(0x3E83BB, str(lures.file)) + element(0x3C83AB, str(lures.file))
    path.write_bytes(matroska(info, [audio_track(1)], cluster((1, bytes(32_000)))))


def huge_container_of_a_small_frame(path: Path, _: Lures) -> None:
    """A hundred thousand by a hundred thousand pixels, says the container; the frame itself says sixteen by sixteen."""
    path.write_bytes(matroska(b"", [video_track(1, 100_000, 100_000)], cluster((1, vp8_keyframe(16)))))


def huge_frame(path: Path, _: Lures) -> None:
    """As large as FFmpeg takes it."""
    path.write_bytes(matroska(b"", [video_track(1, 16_000, 16_000)], cluster((1, vp8_keyframe(16_000)))))


def huge_frame_of_mpeg4(path: Path, _: Lures) -> None:
    path.write_bytes(matroska(b"", [video_track(1, 100_000, 100_000, "V_MPEG4/ISO/ASP")], cluster((1, bytes(64)))))


def huge_gif(path: Path, _: Lures) -> None:
    size = struct.pack("<HH", 65_535, 65_535)
    picture = b"\x2c" + bytes(4) + size + b"\0" + b"\x02\x02\x44\x01\0"
    path.write_bytes(b"GIF89a" + size + b"\x80\0\0" + bytes(6) + picture + b"\x3b")


def a_million_seconds_of_film(path: Path, _: Lures) -> None:
    write_film(path.with_suffix(".mkv"), [numbered(1)] * 2, [Fraction(0), Fraction(1_000_000)])
    path.write_bytes(path.with_suffix(".mkv").read_bytes())


def a_million_seconds_said(path: Path, _: Lures) -> None:
    path.write_bytes(matroska(element(MATROSKA_DURATION, 1e9), [audio_track(1)], cluster((1, bytes(32_000)))))


def five_hundred_streams(path: Path, _: Lures) -> None:
    tracks = [audio_track(number) for number in range(1, 501)]
    path.write_bytes(matroska(b"", tracks, cluster(*((number, bytes(320)) for number in range(1, 501)))))


def five_thousand_streams(path: Path, _: Lures) -> None:
    """More than FFmpeg itself takes."""
    path.write_bytes(matroska(b"", [audio_track(number) for number in range(1, 5_001)]))


def five_hundred_quicktime_tracks(path: Path, _: Lures) -> None:
    one = movie(link(""), samples=1, offset=44, own=bytes(64))
    start = one.index(b"trak") - 4
    head, track = one[:start], one[start:]
    movie_box = head.index(b"moov") - 4
    path.write_bytes(head[:movie_box] + box(b"moov", head[movie_box + 8 :], track * 500))


def an_hour_of_silent_8k(path: Path, _: Lures) -> None:
    """Three frames, the last of them after an hour: a few kilobytes."""
    black = np.zeros((4320, 7680, 3), np.uint8)
    times = [Fraction(0), Fraction(1), Fraction(3599)]
    film = write_film(path.with_suffix(".mp4"), [black] * 3, times, options={"preset": "ultrafast"})
    path.write_bytes(film.read_bytes())


def a_lying_wave_file(path: Path, _: Lures) -> None:
    """A second of sound that says it has four gibibytes."""
    data = bytearray(write_wave(path.with_suffix(".wav"), np.zeros((16_000, 1), np.int16)).read_bytes())
    data[4:8] = data[40:44] = b"\xf0\xff\xff\xff"
    path.write_bytes(bytes(data))


def vp8_keyframe(side: int) -> bytes:
    """A key frame's header (RFC 6386, 9.1), and nothing after it."""
    return b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", side, side) + bytes(32)


def _playlist(what: str) -> str:
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{what}\n#EXT-X-ENDLIST\n"
