"""Sound to features, beside the straightforward way and the machine's limit."""

import tempfile
from functools import partial
from pathlib import Path

import psutil

from audio_extractor.extractor import load, load_backbone
from audio_extractor.patches import patch_batches
from bench import media
from bench.baseline.audio import BaselineAudio
from bench.measure import in_turns, kept
from bench.report import Cell, Table
from bench.settings import BenchSettings
from needledrop.bundle import Bundle
from needledrop.settings import CoreSettings
from needledrop_media import open_audio

WAYS = {"all examples of a file in one call, as the original": None, "example by example": 1}


def run(settings: BenchSettings) -> tuple[Table, ...]:
    bundle = Bundle.load(settings.bundle)
    extractor = load(bundle, CoreSettings(device="cpu"))
    network = load_backbone(bundle, CoreSettings(device="cpu"))
    baselines = {name: BaselineAudio(bundle, batch) for name, batch in WAYS.items()}
    with tempfile.TemporaryDirectory() as name:
        path = media.music(Path(name), settings.clip_s)
        warm = media.music(Path(name), 5.0)
        extractor.extract(warm, _ignore)
        for baseline in baselines.values():
            baseline.extract(warm)
        with open_audio(path) as reader:
            batches = list(patch_batches(reader, 15360, 32))
        costs = in_turns(
            {
                "ours": kept(lambda: extractor.extract(path, _ignore)),
                "front": lambda: _front(path),
                "model": kept(lambda: [network.embed(batch) for batch in batches]),
                **{name: partial(baseline.extract, path) for name, baseline in baselines.items()},
            },
            settings.rounds,
        )
    ours, front, model = costs["ours"], costs["front"], costs["model"]
    cores = psutil.cpu_count() or 1
    limit = max(front.wall_s, model.wall_s, (front.cpu_s + model.cpu_s) / cores)
    real = settings.clip_s
    rows: list[tuple[Cell, ...]] = [
        ("ours", ours.wall_s, real / ours.wall_s, None, ours.wall_s / limit, ours.cpu_s),
    ]
    for way in WAYS:
        cost = costs[way]
        rows.append((f"baseline: {way}", cost.wall_s, real / cost.wall_s, cost.wall_s / ours.wall_s, None, cost.cpu_s))
    return (
        Table(
            f"Audio extraction, {settings.clip_s:.0f} s of stereo MP3, whole file to features",
            ("what", "wall s", "× real time", "÷ ours", "÷ limit", "CPU s"),
            tuple(rows),
            f"Decoding and log-mel alone take {front.wall_s:.2f} s, the model alone {model.wall_s:.2f} s; the limit is "
            f"the larger, or the processor seconds of both ÷ {cores}. Compiling resampy is not counted.",
        ),
    )


def _front(path: Path) -> int:
    with open_audio(path) as reader:
        return sum(len(batch) for batch in patch_batches(reader, 15360, 32))


def _ignore(_: float | None) -> None:
    pass
