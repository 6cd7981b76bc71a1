"""Which packets of a film must be decoded to see its frames at t = 0, 1, 2, … s, and no fewer.

Two kinds are left out, and neither changes a bit of any other frame: H.264 frames that no other refers to
(`nal_ref_idc` 0, which the decoder knows), and what lies between a group's last wanted frame and the next key frame.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from needledrop_media.limits import FRAME_GRACE_S, Limits

# Every packet is a key frame of its own.
INTRA = {"mjpeg", "prores", "dnxhd"}
# Containers that say when each frame is shown; elsewhere FFmpeg guesses.
TIMED = {"mov", "matroska"}
# There a key frame is one that decoding can start at; in Matroska it may refer back to earlier frames.
SYNCED = "mov"
# FFmpeg's decoding of H.264 4:4:4 was seen to depend on what was decoded before, and on threads.
PLAIN = {"yuv420p", "yuvj420p", "yuv420p10le"}
LEADING = 32


@dataclass(frozen=True)
class Sparing:
    """`wanted`: the timestamps of the frames that are looked at. `dropped`: by packet number, 1 for those left out."""

    wanted: frozenset[int]
    dropped: bytes
    unreferenced: bool

    def drops(self, number: int) -> bool:
        """Whether the packet need not reach the decoder."""
        return number < len(self.dropped) and bool(self.dropped[number])

    def effort(self, pts: int | None) -> Literal["DEFAULT", "NONREF"]:
        """What FFmpeg's `skip_frame` is to be while the packet is decoded."""
        return "NONREF" if self.unreferenced and pts not in self.wanted else "DEFAULT"


def survey(container: InputContainer, stream: VideoStream, limits: Limits) -> Sparing | None:
    """Read all of the stream's packets, decode none. None where the film is not one whose packets tell its times.

    It is not where a timestamp is absent, a packet is marked as damaged, encrypted or not to be shown, the first
    one isn't the key frame that is shown first, or there are more than the limits allow. May raise `FFmpegError`.
    """
    codec = stream.codec_context.name
    formats = set(container.format.name.split(","))
    plain = codec in {"h264", "hevc"} and stream.codec_context.pix_fmt in PLAIN
    dropping = codec in INTRA or (plain and SYNCED in formats)
    unreferenced = plain and codec == "h264"
    if stream.time_base is None or not formats & TIMED or not (dropping or unreferenced):
        return None
    listed = _listed(container.demux(stream))
    if listed is None:
        return None
    stamps, keys = listed
    length_s = (max(stamps) - stamps[0]) * stream.time_base
    if len(stamps) > (length_s + FRAME_GRACE_S) * limits.max_frame_rate or length_s > limits.max_duration_s:
        return None
    wanted = wanted_stamps(stamps, stream.time_base)
    dropped = needless(stamps, keys, wanted) if dropping else b""
    return Sparing(wanted, dropped, unreferenced)


def wanted_stamps(stamps: Iterable[int], time_base: Fraction) -> frozenset[int]:
    """The stamps of the first frame at or after each second since the first, and the last one: the film's end."""
    ordered = sorted(stamps)
    found = {ordered[0], ordered[-1]}
    place = 0
    while place < len(ordered):
        found.add(ordered[place])
        second = (ordered[place] - ordered[0]) * time_base // 1 + 1
        place = bisect_left(ordered, ordered[0] + second / time_base, place + 1)
    return frozenset(found)


def needless(stamps: array[int], keys: bytes, wanted: frozenset[int]) -> bytes:
    """A byte a packet, in the order of decoding: 1 where neither it nor any before the next key frame is wanted.

    None is dropped before a key frame that is followed by a wanted frame which is shown before it: that one may refer
    to what came earlier.
    """
    dropped = bytearray(len(stamps))
    clear = False
    for number in range(len(stamps) - 1, -1, -1):
        clear = clear and stamps[number] not in wanted
        dropped[number] = clear
        if keys[number]:
            following = stamps[number + 1 : number + 1 + LEADING]
            clear = not any(stamp < stamps[number] and stamp in wanted for stamp in following)
    return bytes(dropped)


def _listed(packets: Iterable[Packet[VideoStream]]) -> tuple[array[int], bytes] | None:
    """Each packet's timestamp, and whether it is a key frame."""
    stamps, keys = array("q"), bytearray()
    for packet in packets:
        if not packet.size:
            continue
        if packet.pts is None or packet.is_discard or packet.is_corrupt or packet.has_sidedata("encryption_info"):
            return None
        stamps.append(packet.pts)
        keys.append(packet.is_keyframe)
    if not stamps or not keys[0] or min(stamps) != stamps[0]:
        return None
    return stamps, bytes(keys)
