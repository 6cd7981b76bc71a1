"""Real files from elsewhere: good ones agree with each other, odd ones end in data or in a documented code."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from needledrop.errors import ErrorCode, MediaError
from needledrop_media import Limits, open_audio, open_frames
from tests.shared import SHARED, require_shared

LIMITS = Limits(wall_s=120, stall_s=120)
ODD = sorted(path.name for path in (SHARED / "media" / "odd").glob("*")) or ["(none at hand)"]
DOCUMENTED = {
    ErrorCode.MEDIA_EMPTY,
    ErrorCode.MEDIA_UNREADABLE,
    ErrorCode.MEDIA_ENCRYPTED,
    ErrorCode.NO_AUDIO,
    ErrorCode.NO_VIDEO,
    ErrorCode.CODEC_UNSUPPORTED,
}


def pictures(path: Path, size: int = 64) -> NDArray[np.uint8]:
    with open_frames(path, size, LIMITS) as reader:
        return np.stack(list(reader))


def samples_or_code(path: Path) -> NDArray[np.float32] | ErrorCode:
    try:
        with open_audio(path, limits=LIMITS) as reader:
            return np.concatenate(list(reader))
    except MediaError as error:
        return error.code


@cache
def frames_or_code(path: Path) -> NDArray[np.uint8] | ErrorCode:
    try:
        return pictures(path, 32)
    except MediaError as error:
        return error.code


@pytest.mark.parametrize("name", ODD)
def test_odd_sound_ends_in_samples_or_a_code(name: str) -> None:
    found = samples_or_code(require_shared() / "media" / "odd" / name)
    if isinstance(found, ErrorCode):
        assert found in DOCUMENTED
    else:
        assert len(found) > 0
        assert np.abs(found).max() <= 1


@pytest.mark.parametrize("name", ODD)
def test_odd_film_ends_in_frames_or_a_code(name: str) -> None:
    found = frames_or_code(require_shared() / "media" / "odd" / name)
    if isinstance(found, ErrorCode):
        assert found in DOCUMENTED
    else:
        assert found.shape == (len(found), 32, 32, 3)
        assert found.dtype == np.uint8


CODES = [
    ("mp4parse-rust__short-cenc.mp4", ErrorCode.MEDIA_ENCRYPTED, ErrorCode.MEDIA_ENCRYPTED),
    ("media__sample_missing_stsd.mp4", ErrorCode.CODEC_UNSUPPORTED, None),
    ("media__invalid-bitstream.webm", ErrorCode.NO_AUDIO, ErrorCode.MEDIA_UNREADABLE),
    ("media__segment_init.mp4", ErrorCode.NO_AUDIO, ErrorCode.NO_VIDEO),
    ("media__sample.text.mp4", ErrorCode.NO_AUDIO, ErrorCode.NO_VIDEO),
    ("moviepy__with-attached-pic.mp3", None, ErrorCode.NO_VIDEO),
    ("moviepy__result.webm", ErrorCode.MEDIA_EMPTY, ErrorCode.MEDIA_EMPTY),
    ("taglib__excessive_alloc.aif", ErrorCode.MEDIA_UNREADABLE, ErrorCode.MEDIA_UNREADABLE),
]


def code_of(found: object) -> ErrorCode | None:
    return found if isinstance(found, ErrorCode) else None


@pytest.mark.parametrize(("name", "audio", "video"), CODES)
def test_known_faults_have_their_codes(name: str, audio: ErrorCode | None, video: ErrorCode | None) -> None:
    path = require_shared() / "media" / "odd" / name
    assert code_of(samples_or_code(path)) == audio
    assert code_of(frames_or_code(path)) == video


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("fate-suite__empty_edit_5s.mp4", 10),
        ("fate-suite__frame_size_change.mp4", 10),
        ("decord__corrupted.mp4", 5),
        ("media__long_180p_av1.mp4", 363),
        ("moviepy__no_duration.webm", 5),
        ("moviepy__-video-with-dash-.mp4", 5),
    ],
)
def test_a_film_has_a_frame_for_each_second_begun(name: str, frames: int) -> None:
    found = frames_or_code(require_shared() / "media" / "odd" / name)
    assert not isinstance(found, ErrorCode)
    assert len(found) == frames


def test_two_encodings_of_one_film_look_alike() -> None:
    clips = require_shared() / "media" / "clips"
    first, second = (pictures(clips / name).astype(int) for name in ("mdn_rabbit320.mp4", "mdn_rabbit320.webm"))
    assert len(first) == len(second) == 8
    for index, frame in enumerate(first):
        distances = np.abs(second - frame).mean(axis=(1, 2, 3))
        assert np.argmin(distances) == index
        assert distances[index] < 6


def test_two_resolutions_of_one_film_look_alike() -> None:
    clips = require_shared() / "media" / "clips"
    small, large = (pictures(clips / name).astype(int) for name in ("mdn_rabbit320.mp4", "mdn_rabbit.mp4"))
    assert small.shape == large.shape
    assert np.abs(small - large).mean() < 8


@pytest.mark.parametrize("name", ["chord_16k_mono_5s5", "short_16k_mono_0s5", "silence_16k_mono_2s"])
def test_reference_sounds_pass_exactly(name: str) -> None:
    path = require_shared() / "reference" / f"{name}.wav"
    samples = np.frombuffer(path.read_bytes()[44:], "<i2")
    with open_audio(path) as reader:
        assert (np.concatenate(list(reader)) == samples / 32768).all()
