"""What is left out of decoding changes nothing: every film gives the pictures that decoding all of it gives."""

import io
import os
from array import array
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from needledrop_media import tasks
from needledrop_media.limits import Limits
from needledrop_media.sparing import Sparing, needless, survey, wanted_stamps
from tests.media_files import steady, write_film
from tests.shared import SHARED, require_shared

CLIPS = sorted(path.name for path in (SHARED / "media" / "clips").glob("*")) or ["(none at hand)"]
FILMS = {
    "film.mp4": ("libx264", {"g": "20", "bf": "3"}),
    "film.mkv": ("libx264", {"g": "40", "bf": "3", "x264-params": "open-gop=1"}),
    "film.mov": ("mjpeg", {}),
    "long.mp4": ("libx264", {"g": "500", "bf": "2"}),
    "webm.webm": ("libvpx-vp9", {"g": "20"}),
    "x265.mp4": ("libx265", {"g": "20", "bf": "4", "x265-params": "log-level=error"}),
}


def sent(path: Path) -> bytes:
    """Everything that the decoder's process would write for the film."""
    descriptor, pipe = os.open(path, os.O_RDONLY), io.BytesIO()
    try:
        tasks.send_frames(descriptor, 64, Limits(), pipe)
    finally:
        os.close(descriptor)
    return pipe.getvalue()


def sent_by_decoding_all(path: Path, patch: pytest.MonkeyPatch) -> bytes:
    with patch.context() as context:
        context.setattr(tasks, "survey", lambda *_: None)
        return sent(path)


def film(folder: Path, name: str, seconds: float = 4.5) -> Path:
    """A picture that moves, at 25 frames a second."""
    codec, options = FILMS[name]
    noise = np.random.default_rng(0).integers(0, 256, (96, 400, 3), np.uint8)
    pictures = (noise[:, n : n + 128] for n in range(round(seconds * 25)))
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    return write_film(folder / name, pictures, steady(round(seconds * 25)), codec, pixels, options=options)


def surveyed(path: Path) -> Sparing | None:
    with av.open(str(path)) as container:
        return survey(container, container.streams.video[0], Limits())


@pytest.mark.parametrize("name", FILMS)
def test_a_film_gives_the_pictures_of_a_whole_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = film(tmp_path, name)
    assert sent(path) == sent_by_decoding_all(path, monkeypatch)


@pytest.mark.parametrize("name", CLIPS)
def test_a_real_film_gives_the_pictures_of_a_whole_decoding(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = require_shared() / "media" / "clips" / name
    assert sent(path) == sent_by_decoding_all(path, monkeypatch)


def test_between_the_last_wanted_frame_and_the_next_key_frame_nothing_is_decoded(tmp_path: Path) -> None:
    path = write_film(
        tmp_path / "film.mp4",
        [np.full((48, 64, 3), n, np.uint8) for n in range(60)],
        steady(60),
        options={"g": "10", "bf": "0", "sc_threshold": "0"},
    )
    sparing = surveyed(path)
    assert sparing is not None
    decoded = [number for number in range(60) if not sparing.drops(number)]
    # Key frames are 0, 10, 20 …; seconds are 0, 25, 50; the last frame says when the film ends.
    assert decoded == [0, *range(20, 26), *range(50, 60)]


def test_of_a_film_of_key_frames_only_the_wanted_ones_are_decoded(tmp_path: Path) -> None:
    sparing = surveyed(film(tmp_path, "film.mov"))
    assert sparing is not None
    assert [number for number in range(112) if not sparing.drops(number)] == [0, 25, 50, 75, 100, 111]


def test_frames_that_no_other_refers_to_are_skipped_in_h264_only(tmp_path: Path) -> None:
    h264, h265 = surveyed(film(tmp_path, "film.mkv")), surveyed(film(tmp_path, "x265.mp4"))
    assert h264 is not None
    assert h265 is not None
    unwanted = next(pts for pts in range(100) if pts not in h264.wanted)
    assert h264.effort(unwanted) == "NONREF"
    assert {h264.effort(pts) for pts in h264.wanted} == {"DEFAULT"}
    assert h265.effort(unwanted) == "DEFAULT"
    assert not any(h264.dropped)


def test_a_codec_whose_packets_do_not_tell_its_frames_is_decoded_whole(tmp_path: Path) -> None:
    assert surveyed(film(tmp_path, "webm.webm")) is None


def test_a_film_whose_container_tells_no_times_is_decoded_whole(tmp_path: Path) -> None:
    path = write_film(
        tmp_path / "film.avi",
        [np.full((48, 64, 3), n, np.uint8) for n in range(30)],
        steady(30),
        time_base=Fraction(1, 25),
        options={"bf": "2"},
    )
    assert surveyed(path) is None


def test_more_frames_than_are_allowed_are_left_to_the_budget(tmp_path: Path) -> None:
    path = film(tmp_path, "film.mp4")
    with av.open(str(path)) as container:
        assert survey(container, container.streams.video[0], Limits(max_frame_rate=7)) is None


@given(st.lists(st.integers(0, 6000), min_size=1, max_size=60, unique=True), st.integers(1, 30))
def test_the_wanted_frames_are_the_first_at_or_after_each_second(stamps: list[int], divisor: int) -> None:
    time_base = Fraction(divisor, 1000)
    times = [(stamp - min(stamps)) * time_base for stamp in stamps]
    expected = {max(stamps)}
    for second in range(int(max(times)) + 1):
        later = [time for time in times if time >= second]
        expected.add(stamps[times.index(min(later))])
    assert wanted_stamps(stamps, time_base) == expected


@given(st.data())
def test_what_is_dropped_lies_before_a_key_frame_with_nothing_wanted_between(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 30))
    stamps = data.draw(st.permutations(range(count)))
    keys = bytes([1, *data.draw(st.lists(st.integers(0, 1), min_size=count - 1, max_size=count - 1))])
    wanted = frozenset(data.draw(st.sets(st.integers(0, count - 1))))
    found = needless(array("q", stamps), keys, wanted)
    for number in range(count):
        key = next((n for n in range(number + 1, count) if keys[n]), None)
        expected = (
            key is not None
            and not any(stamps[n] in wanted for n in range(number, key))
            and not any(stamps[n] in wanted and stamps[n] < stamps[key] for n in range(key + 1, count))
        )
        assert bool(found[number]) == expected
