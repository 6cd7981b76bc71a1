"""Cost against length: processor seconds and largest memory of both extractors, 10 s to an hour."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from audio_extractor.extractor import load as load_audio
from bench import media
from bench.measure import Cost, kept, timed
from bench.report import Line, Table, exponent, save_picture
from bench.settings import BenchSettings
from needledrop.bundle import Bundle
from needledrop.settings import CoreSettings
from video_extractor.extractor import load as load_video

LENGTHS = (10, 60, 600, 3600)
QUICK = (10, 30, 90)


def run(settings: BenchSettings) -> tuple[Table, ...]:
    bundle, core = Bundle.load(settings.bundle), CoreSettings(device="cpu")
    video, audio = load_video(bundle, core), load_audio(bundle, core)
    rows: list[tuple[str | float, ...]] = []
    lines = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        makers: dict[str, Callable[[float], Path]] = {
            "video": lambda seconds: media.picture(folder, seconds, 360),
            "audio": lambda seconds: media.music(folder, seconds),
        }
        extractors = {"video": video.extract, "audio": audio.extract}
        for what, make in makers.items():
            lengths = QUICK if settings.quick else LENGTHS
            extractors[what](make(5.0), _ignore)
            costs: list[Cost] = []
            for seconds in lengths:
                path = make(float(seconds))
                costs.append(timed(kept(partial(extractors[what], path, _ignore))))
                path.unlink()
            slope = exponent(lengths, [cost.cpu_s for cost in costs])
            lines.append(Line(f"{what}, exponent {slope:.2f}", lengths, [cost.cpu_s for cost in costs]))
            rows += [
                (what, seconds, cost.wall_s, cost.cpu_s, cost.cpu_s / seconds, slope)
                for seconds, cost in zip(lengths, costs, strict=True)
            ]
    save_picture(
        settings.out / "growth.png", lines, "Cost against length", "seconds of media", "processor seconds", True
    )
    return (
        Table(
            "Growth with length",
            ("extractor", "seconds", "wall s", "processor s", "processor s a second", "exponent"),
            tuple(rows),
            "360p H.264, and stereo MP3; the model is loaded. growth.png",
        ),
    )


def _ignore(_: float | None) -> None:
    pass
