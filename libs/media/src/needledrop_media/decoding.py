"""Decoding one stream of a file that may be damaged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from types import TracebackType
from typing import TypeVar

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import DecoderNotFoundError, FFmpegError, PatchWelcomeError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from needledrop.errors import ErrorCode, MediaError
from needledrop_media.sparing import Sparing

S = TypeVar("S", AudioStream, VideoStream)
ROOM_PER_PIXEL = 8


def audio_frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Every frame that can be decoded. `MediaError` where there is none: `no_audio`, or what is wrong with the file."""
    damage = Damage()
    nothing = True
    for packet in chain(_packets(container, stream, damage), [None]):
        with damage:
            for frame in stream.decode(packet):
                nothing = False
                yield frame
    if nothing:
        raise damage.verdict(MediaError(ErrorCode.NO_AUDIO, "the file's sound is empty"))


def video_frames(
    container: InputContainer, stream: VideoStream, sparing: Sparing | None = None
) -> Iterator[VideoFrame]:
    """Every frame that can be decoded. `MediaError` where there is none: `no_video`, or what is wrong with the file.

    With `sparing`, only what it doesn't leave out. Once damage is met all is decoded: the next whole frame is wanted.
    """
    damage = Damage()
    nothing = True
    for number, packet in enumerate(chain(_packets(container, stream, damage), [None])):
        if sparing and packet:
            if sparing.drops(number) and not damage.met:
                continue
            stream.codec_context.skip_frame = "DEFAULT" if damage.met else sparing.effort(packet.pts)
        with damage:
            for frame in stream.decode(packet):
                nothing = False
                damage.met = damage.met or frame.is_corrupt
                yield frame
    if nothing:
        # A decoder that was short of memory may call the film damaged. If so, this raises MemoryError.
        np.empty(stream.width * stream.height * ROOM_PER_PIXEL, np.uint8)
        raise damage.verdict(MediaError(ErrorCode.NO_VIDEO, "the file's picture is empty"))


class Damage:
    """A context that passes over what FFmpeg can't read, and remembers it. Want of memory is no damage."""

    def __init__(self) -> None:
        self._last: FFmpegError | None = None
        self.met = False

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, FFmpegError) or isinstance(error, MemoryError):
            return False
        self._last = error
        self.met = True
        return True

    def verdict(self, undamaged: MediaError) -> MediaError:
        """Why nothing could be decoded; `undamaged` where FFmpeg met nothing that it couldn't read."""
        if self._last is None:
            return undamaged
        if isinstance(self._last, PatchWelcomeError | DecoderNotFoundError | NotImplementedError):
            verdict = MediaError(ErrorCode.CODEC_UNSUPPORTED, "the file's codec is not supported")
        else:
            verdict = MediaError(ErrorCode.MEDIA_UNREADABLE, "the file is damaged: nothing in it can be decoded")
        verdict.__cause__ = self._last
        return verdict


def _packets(container: InputContainer, stream: S, damage: Damage) -> Iterator[Packet[S]]:
    """The stream's packets to the end, or to the place from where on the container can't be read."""
    with damage:
        for packet in container.demux(stream):
            if packet.has_sidedata("encryption_info"):
                raise MediaError(ErrorCode.MEDIA_ENCRYPTED, "the file is encrypted")
            if packet.size:
                yield packet
