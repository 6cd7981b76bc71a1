"""How much decoding a file may ask for, whatever its size: a short file can hold very many frames or samples."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.video.frame import VideoFrame

from needledrop.errors import ErrorCode, MediaError
from needledrop_media.limits import FRAME_GRACE_S, Limits


def check_streams(container: InputContainer, limits: Limits) -> None:
    """`MediaError(media_too_many_streams)`."""
    if len(container.streams) > limits.max_streams:
        raise MediaError(ErrorCode.MEDIA_TOO_MANY_STREAMS, f"the file has {len(container.streams)} streams")


def check_duration(duration_s: float | Fraction, limits: Limits) -> None:
    """`MediaError(media_too_large)`."""
    if duration_s > limits.max_duration_s:
        raise MediaError(ErrorCode.MEDIA_TOO_LARGE, "the file plays for longer than is allowed")


class Budget:
    """Counts what is decoded. `MediaError` once it is too much."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._frames = 0
        self._pixels = 0
        self._samples = 0

    def spend_frame(self, frame: VideoFrame, end_s: Fraction) -> None:
        """`end_s`: how long the film is up to this frame. `MediaError`: `media_too_many_frames`, `decoder_limit`."""
        self._frames += 1
        self._pixels += frame.width * frame.height
        if self._frames > (end_s + FRAME_GRACE_S) * self._limits.max_frame_rate:
            raise MediaError(ErrorCode.MEDIA_TOO_MANY_FRAMES, "the film has too many frames for its length")
        if self._pixels > self._limits.max_total_pixels:
            raise MediaError(ErrorCode.DECODER_LIMIT, "the film's frames are too many for their size")

    def spend_sound(self, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        """The same frames. `MediaError`: `media_too_large`, `decoder_limit`."""
        for frame in frames:
            channels = frame.layout.nb_channels
            if channels > self._limits.max_channels:
                raise MediaError(ErrorCode.MEDIA_TOO_LARGE, f"the sound has {channels} channels")
            self._samples += frame.samples * channels
            if self._samples > self._limits.max_total_samples:
                raise MediaError(ErrorCode.DECODER_LIMIT, "the sound has too many samples")
            yield frame
