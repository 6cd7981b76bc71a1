"""The demo library on disk, and clips that each belong to one of its tracks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from needledrop_demo.encode import FORMATS, AudioFormat, write_audio, write_video
from needledrop_demo.music import render_music
from needledrop_demo.pictures import render_frames
from needledrop_demo.scene import Purpose, Scene, library_scenes, spread, strong_factors
from needledrop_demo.titles import ALBUM, artist_of, clip_title_of, titles_of

TRACKS = 24
CLIPS = 12
SIZES = ((320, 240), (480, 270))
RATES = (24, 25)


@dataclass(frozen=True)
class DemoTrack:
    """A track of the demo library. `path` is its file; the container's tags hold title and artist."""

    path: Path
    title: str
    artist: str
    scene: Scene
    seconds: float
    kind: AudioFormat


@dataclass(frozen=True)
class DemoClip:
    """A silent clip. `track` has the same hidden factors; all else of the two differs. `size` is (width, height)."""

    path: Path
    title: str
    track: DemoTrack
    scene: Scene
    seconds: float
    size: tuple[int, int]
    fps: int


def demo_library(folder: Path) -> list[DemoTrack]:
    """The 24 tracks, 20 to 40 s each, as `write_library` writes them to `folder`; writes nothing."""
    scenes = library_scenes(TRACKS)
    tracks = []
    for index, (scene, title) in enumerate(zip(scenes, titles_of(scenes), strict=True)):
        kind = FORMATS[index % len(FORMATS)]
        path = folder / (_slug(title) + kind.suffix)
        tracks.append(DemoTrack(path, title, artist_of(scene), scene, 20 + 4.0 * (index * 5 % 6), kind))
    return tracks


def demo_clips(folder: Path, library: list[DemoTrack] | None = None) -> list[DemoClip]:
    """The 12 clips, 8 to 10 s each, as `write_clips` writes them to `folder`; writes nothing.

    `library` says where the tracks lie; without it they are named as if they lay in `folder` too.
    """
    tracks = library if library is not None else demo_library(folder)
    chosen = spread(strong_factors([track.scene for track in tracks]), CLIPS)
    seeds = np.random.default_rng([Purpose.CLIP, 0]).integers(0, 2**31, CLIPS)
    clips = []
    for index, (which, seed) in enumerate(zip(sorted(chosen), seeds, strict=True)):
        title = clip_title_of(index)
        scene = tracks[which].scene.retold(int(seed))
        size, fps = SIZES[index % len(SIZES)], RATES[index // 2 % len(RATES)]
        clips.append(DemoClip(folder / f"{_slug(title)}.mp4", title, tracks[which], scene, 8.0 + index % 3, size, fps))
    return clips


def write_library(folder: Path) -> list[DemoTrack]:
    """Write the 24 tracks as FLAC, MP3, Opus and AAC files; files already there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    tracks = demo_library(folder)
    for track in tracks:
        write_track(track)
    return tracks


def write_clips(folder: Path, library: list[DemoTrack] | None = None) -> list[DemoClip]:
    """Write the 12 silent H.264 clips; files already there are kept. `library` as in `demo_clips`."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = demo_clips(folder, library)
    for clip in clips:
        write_clip(clip)
    return clips


def write_track(track: DemoTrack) -> None:
    """Write the track's file, unless it is there: a file is never left half written."""
    if not track.path.exists():
        tags = {"title": track.title, "artist": track.artist, "album": ALBUM}
        write_audio(track.path, render_music(track.scene, track.seconds, track.kind.sample_rate), track.kind, tags)


def write_clip(clip: DemoClip) -> None:
    """Write the clip's file, unless it is there: a file is never left half written."""
    if not clip.path.exists():
        times = [number / clip.fps for number in range(round(clip.seconds * clip.fps))]
        write_video(clip.path, render_frames(clip.scene, times, clip.size), clip.fps, clip.size, clip.title)


def _slug(title: str) -> str:
    return title.lower().replace(" ", "-")
