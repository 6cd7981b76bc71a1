"""The demo library on disk, and clips that each belong to one of its tracks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from needledrop_demo.encode import FORMATS, write_audio, write_video
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


@dataclass(frozen=True)
class DemoClip:
    """A silent clip. `track` has the same hidden factors; all else of the two differs."""

    path: Path
    title: str
    track: DemoTrack
    scene: Scene
    seconds: float


def demo_library(folder: Path) -> list[DemoTrack]:
    """The 24 tracks as `write_library` writes them to `folder`, without writing anything."""
    scenes = library_scenes(TRACKS)
    tracks = []
    for index, (scene, title) in enumerate(zip(scenes, titles_of(scenes), strict=True)):
        suffix = FORMATS[index % len(FORMATS)].suffix
        name = title.lower().replace(" ", "-") + suffix
        tracks.append(DemoTrack(folder / name, title, artist_of(scene), scene, seconds=20 + 4.0 * (index * 5 % 6)))
    return tracks


def demo_clips(folder: Path, library: list[DemoTrack] | None = None) -> list[DemoClip]:
    """The 12 clips as `write_clips` writes them to `folder`, without writing anything."""
    tracks = library if library is not None else demo_library(folder)
    chosen = spread(strong_factors([track.scene for track in tracks]), CLIPS)
    seeds = np.random.default_rng([Purpose.CLIP, 0]).integers(0, 2**31, CLIPS)
    clips = []
    for index, (which, seed) in enumerate(zip(sorted(chosen), seeds, strict=True)):
        track = tracks[which]
        title = clip_title_of(index)
        path = folder / f"{title.lower().replace(' ', '-')}.mp4"
        clips.append(DemoClip(path, title, track, track.scene.retold(int(seed)), seconds=8.0 + index % 3))
    return clips


def write_library(folder: Path) -> list[DemoTrack]:
    """Write the 24 tracks, 20 to 40 s each, as FLAC, MP3, Opus and AAC files; files already there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    tracks = demo_library(folder)
    for index, track in enumerate(tracks):
        if not track.path.exists():
            kind = FORMATS[index % len(FORMATS)]
            tags = {"title": track.title, "artist": track.artist, "album": ALBUM}
            write_audio(track.path, render_music(track.scene, track.seconds, kind.sample_rate), kind, tags)
    return tracks


def write_clips(folder: Path, library: list[DemoTrack] | None = None) -> list[DemoClip]:
    """Write the 12 silent H.264 clips, 8 to 10 s each; files already there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = demo_clips(folder, library)
    for index, clip in enumerate(clips):
        if not clip.path.exists():
            size, fps = SIZES[index % len(SIZES)], RATES[index // 2 % len(RATES)]
            times = [number / fps for number in range(round(clip.seconds * fps))]
            write_video(clip.path, render_frames(clip.scene, times, size), fps, size, clip.title)
    return clips
