"""Opening a file's container: which formats are taken, which stream is read, what the tags say."""

from collections.abc import Mapping
from typing import TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from needledrop.errors import ErrorCode, MediaError
from needledrop_media.wire import Facts

# Self-contained films and sounds only: no stills, nothing that names other files (hls, dash, concat, sdp, image2 …).
FORMATS = (
    "mov matroska,webm avi mpegts mpeg mpegvideo flv asf ogg wav w64 flac mp3 aac ac3 eac3 dts truehd aiff au caf "
    "amr amrnb amrwb ape wv tta mpc mpc8 dsf gif h264 hevc m4v ivf obu dv mxf rm nut"
).replace(" ", ",")
# FFmpeg's defaults for QuickTime's references to other files, said so that they stay.
NO_REFERENCES = {"enable_drefs": "0", "use_absolute_path": "0"}
LONGEST_TAG = 300
S = TypeVar("S", bound=Stream)


def open_container(descriptor: int) -> InputContainer:
    """The file behind an open descriptor, which is all that it can reach. `MediaError(media_unreadable)`."""
    options = {"fd": str(descriptor), "protocol_whitelist": "fd", "format_whitelist": FORMATS, **NO_REFERENCES}
    try:
        return av.open("fd:", mode="r", options=options, metadata_errors="replace")
    except MemoryError:
        raise
    except FFmpegError as error:
        raise MediaError(ErrorCode.MEDIA_UNREADABLE, "this is no media file, or its start is damaged") from error


def audio_stream(container: InputContainer) -> AudioStream:
    """The main audio stream. `MediaError`: `no_audio`, `codec_unsupported`."""
    stream = _choose(container.streams.audio, container.streams.best("audio"))
    if stream is None:
        raise MediaError(ErrorCode.NO_AUDIO, "the file has no sound")
    return stream


def video_stream(container: InputContainer) -> VideoStream:
    """The main video stream, cover pictures left out. `MediaError`: `no_video`, `codec_unsupported`."""
    films = tuple(s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
    stream = _choose(films, container.streams.best("video"))
    if stream is None:
        raise MediaError(ErrorCode.NO_VIDEO, "the file has no picture")
    return stream


def describe(container: InputContainer, stream: Stream, width: int | None = None, height: int | None = None) -> Facts:
    """What the container says. `duration_s` is 0 where it says nothing."""
    tags = {**_tags(stream.metadata), **_tags(container.metadata)}
    return Facts(
        duration_s=claimed_duration(container, stream),
        title=tags.get("title"),
        artist=tags.get("artist") or tags.get("album_artist"),
        width=width,
        height=height,
    )


def claimed_duration(container: InputContainer, stream: Stream) -> float:
    """Seconds; 0 where the container says nothing."""
    if stream.duration and stream.duration > 0 and stream.time_base:
        return float(stream.duration * stream.time_base)
    return max(container.duration or 0, 0) / av.time_base


def _choose(streams: tuple[S, ...], best: Stream | None) -> S | None:
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if streams and not decodable:
        raise MediaError(ErrorCode.CODEC_UNSUPPORTED, "the file's codec is not supported")
    return next((stream for stream in decodable if stream is best), decodable[0] if decodable else None)


def _tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Names in lower case; values of printable characters, not too long, empty ones left out."""
    cleaned = {name.lower(): _printable(value) for name, value in metadata.items()}
    return {name: value for name, value in cleaned.items() if value}


def _printable(value: str) -> str:
    return "".join(c for c in value[: 4 * LONGEST_TAG] if c.isprintable()).strip()[:LONGEST_TAG]
