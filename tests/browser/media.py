"""Short music and a short clip from the demo's generator."""

from dataclasses import dataclass
from pathlib import Path

from needledrop_demo import Scene, demo_clips, demo_library, render_frames, render_music
from needledrop_demo.encode import FORMATS, AudioFormat, write_audio, write_video

CLIP_S = 6.0
TRACK_S = 14.0
SHORT_TRACK_S = 4.0
FPS = 24
SIZE = (320, 240)


@dataclass(frozen=True)
class TestMedia:
    """`tracks` are of every format; `short` is one of them, and shorter than the clip.

    `spare` and `spare_clip` are for a test to add.
    """

    __test__ = False

    tracks: list[Path]
    short: Path
    spare: Path
    clip: Path
    spare_clip: Path


def write_media(folder: Path) -> TestMedia:
    scenes = [track.scene for track in demo_library(folder)]
    short = _track(folder / "short", FORMATS[0], scenes[0].retold(1), SHORT_TRACK_S)
    tracks = [
        _track(folder / f"track-{index}", kind, scenes[index + 1].retold(2), TRACK_S)
        for index, kind in enumerate(FORMATS)
    ]
    spare = _track(folder / "spare", FORMATS[0], scenes[5].retold(3), SHORT_TRACK_S)
    times = [index / FPS for index in range(int(CLIP_S * FPS))]
    first, second = demo_clips(folder)[:2]
    clip, spare_clip = folder / "clip.mp4", folder / "spare-clip.mp4"
    for path, scene in ((clip, first.scene), (spare_clip, second.scene)):
        write_video(path, render_frames(scene.retold(4), times, SIZE), FPS, SIZE, path.stem)
    return TestMedia([short, *tracks], short, spare, clip, spare_clip)


def _track(stem: Path, kind: AudioFormat, scene: Scene, seconds: float) -> Path:
    path = stem.with_suffix(kind.suffix)
    tags = {"title": f"Browser {path.stem}", "artist": "Test & Sons"}
    write_audio(path, render_music(scene, seconds, kind.sample_rate), kind, tags)
    return path
