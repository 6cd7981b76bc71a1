"""What the child does with a file: send what the container says, then the data, then the same facts as they proved."""

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO

from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from needledrop.errors import ErrorCode, MediaError
from needledrop_media.audio import blocks, mono
from needledrop_media.budget import Budget, check_duration, check_streams
from needledrop_media.container import audio_stream, claimed_duration, describe, open_container, video_stream
from needledrop_media.decoding import audio_frames, video_frames
from needledrop_media.limits import Limits
from needledrop_media.picture import Painter, orientation
from needledrop_media.sparing import Sparing, survey
from needledrop_media.timeline import Timeline, each_second, in_order, nearest_each_second
from needledrop_media.wire import Facts, Kind, write_data, write_facts

# Frames held back to be put in order: few, and fewer the larger they are.
HELD_FRAMES, HELD_PIXELS = 4, 40_000_000
# As many threads as have so many pixels together, but two at least: eight for 1080p, four for 2160p, two for 4320p.
THREADED_PIXELS, LEAST_THREADS = 4 * 3840 * 2160, 2
COMMON_RATE = Fraction(25)
AVFMT_TS_DISCONT = 0x0200


def send_audio(descriptor: int, sample_rate: int, limits: Limits, pipe: BinaryIO) -> None:
    """DATA: one second of float32 mono each, the last one shorter. `MediaError`, as in `open_audio`."""
    with open_container(descriptor) as container:
        check_streams(container, limits)
        stream = audio_stream(container)
        check_duration(claimed_duration(container, stream), limits)
        stream.codec_context.thread_count = limits.threads
        facts = describe(container, stream)
        count = 0
        frames = Budget(limits).spend_sound(audio_frames(container, stream))
        for block in blocks(mono(frames, sample_rate), sample_rate):
            if not count:
                write_facts(pipe, Kind.INFO, facts)
            count += len(block)
            check_duration(Fraction(count, sample_rate), limits)
            write_data(pipe, block.tobytes())
        if not count:
            raise MediaError(ErrorCode.NO_AUDIO, "the file's sound is empty")
        write_facts(pipe, Kind.END, replace(facts, duration_s=count / sample_rate))


def send_frames(descriptor: int, size: int, limits: Limits, pipe: BinaryIO) -> None:
    """DATA: one picture each, uint8 [size, size, 3]. `MediaError`, as in `open_frames`."""
    sparing = _sparing(descriptor, limits)
    with open_container(descriptor) as container:
        check_streams(container, limits)
        stream = video_stream(container)
        check_duration(claimed_duration(container, stream), limits)
        prepare_codec(stream, limits)
        timeline = _timeline(container, stream)
        pictures = each_second(_in_order(container, stream, sparing, timeline, Budget(limits)))
        facts = _send_pictures(pictures, size, Film(container, stream, timeline), limits, pipe)
        if facts is None:
            raise MediaError(ErrorCode.NO_VIDEO, "the file's picture is empty")
        write_facts(pipe, Kind.END, replace(facts, duration_s=float(timeline.end)))


def send_keyframes(descriptor: int, size: int, limits: Limits, pipe: BinaryIO) -> None:
    """As `send_frames`, of the key frames that are nearest to each second. None but key frames are decoded."""
    with open_container(descriptor) as container:
        check_streams(container, limits)
        stream = video_stream(container)
        claimed_s = Fraction(claimed_duration(container, stream))
        check_duration(claimed_s, limits)
        prepare_codec(stream, limits)
        stream.codec_context.skip_frame = "NONKEY"
        timeline = _timeline(container, stream)
        keys = ((time, f) for time, f in _in_order(container, stream, None, timeline, Budget(limits)) if f.key_frame)
        seconds = max(1, math.ceil(claimed_s - timeline.frame_s / 2)) if claimed_s > 0 else None
        pictures = nearest_each_second(keys, seconds)
        facts = _send_pictures(pictures, size, Film(container, stream, timeline), limits, pipe)
        if facts is None:
            raise MediaError(ErrorCode.NO_VIDEO, "the file has no key frame")
        write_facts(pipe, Kind.END, replace(facts, duration_s=float(claimed_s or timeline.end)))


@dataclass(frozen=True)
class Film:
    """A stream of pictures, and how far it has been read."""

    container: InputContainer
    stream: VideoStream
    timeline: Timeline


def _send_pictures(
    pictures: Iterable[tuple[VideoFrame, int]], size: int, film: Film, limits: Limits, pipe: BinaryIO
) -> Facts | None:
    """Each picture as often as it is to be shown, before the first of them what the container says, which comes back.

    None where there was no picture.
    """
    painter = Painter(size)
    facts = None
    for frame, times in pictures:
        if facts is None:
            width, height = orientation(frame).size(frame.width, frame.height)
            facts = describe(film.container, film.stream, width, height)
            write_facts(pipe, Kind.INFO, facts)
        check_duration(film.timeline.end, limits)
        picture = _paint(painter, frame)
        for _ in range(times):
            write_data(pipe, picture)
    return facts


def _sparing(descriptor: int, limits: Limits) -> Sparing | None:
    """What of the film can be left out. Errors are left to the reading that follows."""
    try:
        with open_container(descriptor) as container:
            check_streams(container, limits)
            return survey(container, video_stream(container), limits)
    except MemoryError:
        raise
    except (MediaError, FFmpegError):
        return None
    finally:
        # The descriptor's place in the file is shared with FFmpeg's copy of it.
        os.lseek(descriptor, 0, os.SEEK_SET)


def prepare_codec(stream: VideoStream, limits: Limits) -> None:
    """Bounds, and threads by the frames' size. `MediaError(media_too_large)` for too many pixels."""
    context = stream.codec_context
    if context.width * context.height > limits.max_pixels:
        raise MediaError(ErrorCode.MEDIA_TOO_LARGE, f"frames of {context.width}×{context.height} are too large")
    context.options = {"max_pixels": str(limits.max_pixels)}
    context.thread_count = threads_for(context.width * context.height, limits)
    stream.thread_type = "AUTO"


def threads_for(pixels: int, limits: Limits) -> int:
    """Codec threads for frames of so many pixels."""
    return min(limits.threads, max(LEAST_THREADS, THREADED_PIXELS // max(1, pixels)))


def _timeline(container: InputContainer, stream: VideoStream) -> Timeline:
    rate = stream.average_rate or stream.guessed_rate or COMMON_RATE
    clock_may_leap = bool(container.format.flags & AVFMT_TS_DISCONT)
    return Timeline(stream.time_base or 1 / rate, 1 / rate, clock_may_leap)


def _in_order(
    container: InputContainer, stream: VideoStream, sparing: Sparing | None, timeline: Timeline, budget: Budget
) -> Iterator[tuple[Fraction, VideoFrame]]:
    pixels = max(stream.codec_context.width * stream.codec_context.height, 1)
    placed = _placed(video_frames(container, stream, sparing), timeline, budget)
    return in_order(placed, max(1, min(HELD_FRAMES, HELD_PIXELS // pixels)))


def _placed(frames: Iterator[VideoFrame], timeline: Timeline, budget: Budget) -> Iterator[tuple[Fraction, VideoFrame]]:
    for frame in frames:
        time = timeline.place(frame.pts, frame.duration)
        budget.spend_frame(frame, timeline.end)
        yield time, frame


def _paint(painter: Painter, frame: VideoFrame) -> bytes:
    try:
        return painter.paint(frame).tobytes()
    except MemoryError:
        raise
    except FFmpegError as error:
        raise MediaError(ErrorCode.CODEC_UNSUPPORTED, "the file's pixel format is not supported") from error
