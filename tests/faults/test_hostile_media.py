"""Row 12: files that name others, and headers that claim the impossible: nothing is fetched, nothing read."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.error import FFmpegError

from needledrop.errors import ErrorCode, MediaError
from needledrop_media import Limits, MediaReader, open_audio, open_frames
from tests.decoders import children, peak_resident_bytes
from tests.faults import hostile
from tests.faults.chaos import Outcome
from tests.faults.hostile import Lures, Write
from tests.faults.watch import Server, Watched, counting_server, watched
from tests.media_files import sine, write_sound

GIB = 1 << 30
LIMITS = Limits(wall_s=120, stall_s=120)
Open = Callable[[Path], AbstractContextManager[MediaReader[Any]]]
SIDES: list[Open] = [lambda path: open_audio(path, limits=LIMITS), lambda path: open_frames(path, 32, LIMITS)]


@dataclass(frozen=True)
class Trap:
    """What lies in wait: a file that nobody may read and a server that nobody may call, in a folder."""

    folder: Path
    secret: Watched
    server: Server

    @property
    def lures(self) -> Lures:
        return Lures(self.secret.path, self.server.url("secret.ts"))

    def sprung(self) -> bool:
        return self.secret.touched() or bool(self.server.calls)


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    folder = tmp_path / "traps"
    folder.mkdir()
    film = write_sound(folder / "secret.ts", sine(440, 1, 48_000)[None].astype(np.float32), 48_000, "aac", "fltp")
    with counting_server(film.read_bytes()) as server, watched(film) as secret:
        yield Trap(folder, secret, server)


@dataclass(frozen=True)
class Found:
    """Each side's code, or how many pieces it gave; the largest decoder's peak memory."""

    audio: ErrorCode | int
    video: ErrorCode | int
    peak: int


def look(path: Path) -> Found:
    found: list[ErrorCode | int] = []
    peak = 0
    for side in SIDES:
        try:
            count = 0
            with side(path) as reader:
                for _ in reader:
                    count += 1
                    if count in {1, 1000}:
                        peak = max([peak, *peaks()])
            found.append(count)
        except MediaError as error:
            found.append(error.code)
    return Found(found[0], found[1], peak)


def peaks() -> list[int]:
    with suppress(OSError):
        return [peak_resident_bytes(child) for child in children()]
    return []


UNREADABLE = (ErrorCode.MEDIA_UNREADABLE, ErrorCode.MEDIA_UNREADABLE)
SOUND = (1, ErrorCode.NO_VIDEO)
POINTING: list[tuple[Write, tuple[ErrorCode | int, ErrorCode | int]]] = [
    (hostile.hls, UNREADABLE),
    (hostile.hls_of_a_file, UNREADABLE),
    (hostile.hls_with_a_key, UNREADABLE),
    (hostile.hls_of_playlists, UNREADABLE),
    (hostile.dash, UNREADABLE),
    (hostile.concat, UNREADABLE),
    (hostile.concat_of_an_address, UNREADABLE),
    (hostile.sdp, UNREADABLE),
    (hostile.smooth_streaming_redirect, UNREADABLE),
    (hostile.real_playlist, UNREADABLE),
    (hostile.image_pattern, UNREADABLE),
    (hostile.alias_to_a_file, (ErrorCode.NO_AUDIO, ErrorCode.NO_VIDEO)),
    (hostile.link_to_an_address, SOUND),
    (hostile.linked_cover, SOUND),
    (hostile.attachments_and_fonts, SOUND),
    (hostile.linked_segments, SOUND),
]
CLAIMING: list[tuple[Write, tuple[ErrorCode | int, ErrorCode | int]]] = [
    (hostile.huge_frame, (ErrorCode.NO_AUDIO, ErrorCode.MEDIA_TOO_LARGE)),
    (hostile.huge_container_of_a_small_frame, (ErrorCode.NO_AUDIO, 1)),
    (hostile.huge_frame_of_mpeg4, (ErrorCode.NO_AUDIO, ErrorCode.MEDIA_UNREADABLE)),
    (hostile.huge_gif, (ErrorCode.NO_AUDIO, ErrorCode.MEDIA_UNREADABLE)),
    (hostile.a_million_seconds_of_film, (ErrorCode.NO_AUDIO, ErrorCode.MEDIA_TOO_LARGE)),
    (hostile.a_million_seconds_said, (ErrorCode.MEDIA_TOO_LARGE, ErrorCode.NO_VIDEO)),
    (hostile.five_hundred_streams, (ErrorCode.MEDIA_TOO_MANY_STREAMS, ErrorCode.MEDIA_TOO_MANY_STREAMS)),
    (hostile.five_hundred_quicktime_tracks, (ErrorCode.MEDIA_TOO_MANY_STREAMS, ErrorCode.MEDIA_TOO_MANY_STREAMS)),
    (hostile.five_thousand_streams, UNREADABLE),
    (hostile.an_hour_of_silent_8k, (ErrorCode.NO_AUDIO, 3600)),
    (hostile.a_lying_wave_file, SOUND),
]


@pytest.mark.parametrize(("write", "wanted"), POINTING, ids=lambda value: getattr(value, "__name__", ""))
def test_what_a_file_points_at_is_neither_fetched_nor_read(
    trap: Trap, write: Write, wanted: tuple[ErrorCode | int, ErrorCode | int], tell: Callable[[Outcome], None]
) -> None:
    path = trap.folder / "clip%d.mp4"
    write(path, trap.lures)
    trap.secret.touched()
    found = look(path)
    sprung = trap.sprung()
    tell(_outcome(write, found, lost=int(sprung)))
    assert not sprung
    assert (found.audio, found.video) == wanted


@pytest.mark.parametrize(("write", "wanted"), CLAIMING, ids=lambda value: getattr(value, "__name__", ""))
def test_what_a_header_claims_is_held_to_the_limits(
    trap: Trap, write: Write, wanted: tuple[ErrorCode | int, ErrorCode | int], tell: Callable[[Outcome], None]
) -> None:
    path = trap.folder / "clip.mp4"
    write(path, trap.lures)
    found = look(path)
    tell(_outcome(write, found, lost=int(found.peak > GIB)))
    assert (found.audio, found.video) == wanted
    assert found.peak < GIB


LAX = {"extension_picky": "0", "allowed_extensions": "ALL", "allowed_segment_extensions": "ALL"}
FOLLOWED: list[tuple[Write, str | None, dict[str, str]]] = [
    (hostile.hls, "hls", {**LAX, "protocol_whitelist": "file,http,tcp"}),
    (hostile.hls_of_a_file, "hls", {**LAX, "protocol_whitelist": "file"}),
    (hostile.concat, "concat", {"safe": "0"}),
    (hostile.alias_to_a_file, None, {"enable_drefs": "1", "use_absolute_path": "1"}),
]


@pytest.mark.parametrize(("write", "form", "options"), FOLLOWED, ids=lambda value: getattr(value, "__name__", ""))
def test_the_traps_do_spring_where_ffmpeg_is_left_free(
    trap: Trap, write: Write, form: str | None, options: dict[str, str]
) -> None:
    """What shows that the files above are not merely broken."""
    path = trap.folder / "clip.mp4"
    write(path, trap.lures)
    trap.secret.touched()
    with suppress(FFmpegError), av.open(str(path), format=form, options=options) as container:
        next(container.demux())
    assert trap.sprung()


def _outcome(write: Write, found: Found, lost: int) -> Outcome:
    name = write.__name__.replace("_", " ")
    memory = f", {found.peak >> 20} MiB" if found.peak else ""
    return Outcome(12, name, jobs=2, faults=1, lost=lost, repeated=0, note=f"{found.audio}, {found.video}{memory}")
