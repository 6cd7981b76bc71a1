"""A file is refused for what it says and for what it proves to be, each with its code."""

import wave
from collections.abc import Callable
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from needledrop.errors import ErrorCode, MediaError
from needledrop_media import Limits, MediaReader, open_audio, open_frames
from tests.media_files import numbered, steady, write_film, write_wave

Open = Callable[..., AbstractContextManager[MediaReader[Any]]]


def outcome(open_media: Open, path: Path, limits: Limits = Limits()) -> ErrorCode | int:
    """How many pieces there were, or why there are none."""
    try:
        with open_media(path, limits=limits) as reader:
            return sum(1 for _ in reader)
    except MediaError as error:
        return error.code


def test_a_film_with_more_frames_than_its_length_allows(tmp_path: Path) -> None:
    fast = [Fraction(number, 10_000) for number in range(10_500)]
    path = write_film(
        tmp_path / "a.mkv", [numbered(1, 16, 16)] * len(fast), fast, "mpeg4", time_base=Fraction(1, 10_000)
    )
    assert outcome(open_frames, path, Limits(max_frame_rate=2_000)) == 2
    assert outcome(open_frames, path, Limits(max_frame_rate=900)) is ErrorCode.MEDIA_TOO_MANY_FRAMES


def test_a_film_of_more_pixels_than_are_decoded(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [numbered(1)] * 50, steady(50), "mpeg4", time_base=Fraction(1, 25))
    pixels = 50 * 64 * 48
    assert outcome(open_frames, path, Limits(max_total_pixels=pixels)) == 2
    assert outcome(open_frames, path, Limits(max_total_pixels=pixels - 1)) is ErrorCode.DECODER_LIMIT


def test_a_sound_of_more_samples_than_are_decoded(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", np.zeros((32_000, 2), np.int16))
    assert outcome(open_audio, path, Limits(max_total_samples=64_000)) == 2
    assert outcome(open_audio, path, Limits(max_total_samples=63_999)) is ErrorCode.DECODER_LIMIT


def test_a_sound_of_more_channels_than_anyone_has(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(65)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(65 * 2 * 16_000))
    assert outcome(open_audio, path) is ErrorCode.MEDIA_TOO_LARGE
    assert outcome(open_audio, path, Limits(max_channels=65)) == 1


@pytest.mark.parametrize("open_media", [open_audio, open_frames])
def test_a_file_of_more_streams_than_are_looked_at(tmp_path: Path, open_media: Open) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        for _ in range(9):
            container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.int16), "s16", "mono")
        frame.sample_rate = 16_000
        container.mux(container.streams.audio[0].encode(frame))
    assert outcome(open_media, path, Limits(max_streams=9)) in {1, ErrorCode.NO_VIDEO}
    assert outcome(open_media, path, Limits(max_streams=8)) is ErrorCode.MEDIA_TOO_MANY_STREAMS


def test_a_length_that_is_only_said_is_refused_before_decoding(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [numbered(1)] * 2, [Fraction(0), Fraction(7 * 3600)])
    assert outcome(open_frames, path) is ErrorCode.MEDIA_TOO_LARGE


def test_a_length_that_nobody_said_is_refused_when_it_is_reached(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.ts", [numbered(1)] * 75, steady(75), "mpeg2video", time_base=Fraction(1, 25))
    whole = path.read_bytes()
    path.write_bytes(whole * 2)
    assert outcome(open_frames, path, Limits(max_duration_s=10)) == 6
    assert outcome(open_frames, path, Limits(max_duration_s=4)) is ErrorCode.MEDIA_TOO_LARGE
