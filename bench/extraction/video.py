"""A whole file to its features, beside the straightforward way and beside the machine's limit."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from bench import media
from bench.baseline.video import BaselineVideo, decoder_name
from bench.extraction.forward import EMULATED, KINDS
from bench.measure import in_turns, kept
from bench.report import Table
from bench.settings import BenchSettings
from needledrop.bundle import Bundle
from needledrop.settings import CoreSettings
from needledrop_media import open_frames
from video_extractor.extractor import BATCH, VideoExtractor, load, load_backbone
from video_extractor.inception import Inception
from video_extractor.settings import Precision


def run(settings: BenchSettings) -> tuple[Table, ...]:
    bundle, core = Bundle.load(settings.bundle), CoreSettings(device="cpu")
    baseline = BaselineVideo(bundle)
    extractors = {kind: load(bundle, core, kind) for kind in KINDS}
    networks = {kind: load_backbone(bundle, core, kind) for kind in KINDS}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        warm = media.picture(Path(folder), 3.0, 360)
        for extractor in extractors.values():
            extractor.extract(warm, _ignore)
        baseline.extract(warm)
        for height in (360, 720) if settings.quick else (360, 720, 1080):
            path = media.picture(Path(folder), settings.clip_s, height)
            rows += _rows(path, height, settings, baseline, extractors, networks)
    cores = psutil.cpu_count() or 1
    return (
        Table(
            f"Video extraction, {settings.clip_s:.0f} s of H.264, whole file to features",
            (
                *("clip", "MiB", "precision", "baseline s", "ours s", "÷ baseline", "decoding s", "model s", "÷ limit"),
                *("baseline CPU s", "ours CPU s", "÷ baseline"),
            ),
            tuple(rows),
            f"The baseline's JPEGs are written by {decoder_name()}. The limit is the largest of decoding alone, model "
            f"alone, and the processor seconds of both ÷ {cores} cores. Medians of {settings.rounds} turns, 1080p one. "
            f"{EMULATED}",
        ),
    )


def _rows(
    path: Path,
    height: int,
    settings: BenchSettings,
    baseline: BaselineVideo,
    extractors: dict[Precision, VideoExtractor],
    networks: dict[Precision, Inception],
) -> list[tuple[str | float, ...]]:
    works: dict[str, Callable[[], object]] = {
        "baseline": lambda: baseline.extract(path),
        "decode": lambda: decode(path),
    }
    for kind in KINDS:
        works[kind] = kept(partial(extractors[kind].extract, path, _ignore))
        works[f"{kind} model"] = kept(partial(_model, networks[kind], round(settings.clip_s)))
    costs = in_turns(works, settings.rounds if height < 1080 else 1)
    cores = psutil.cpu_count() or 1
    size = path.stat().st_size / 2**20
    found: list[tuple[str | float, ...]] = []
    for kind in KINDS:
        decoding, model, ours = costs["decode"], costs[f"{kind} model"], costs[kind].wall_s
        limit = max(decoding.wall_s, model.wall_s, (decoding.cpu_s + model.cpu_s) / cores)
        base = costs["baseline"].wall_s
        plain, cpu = costs["baseline"], costs[kind].cpu_s
        found.append(
            (
                *(f"{height}p", size, kind, base, ours, ours / base, decoding.wall_s, model.wall_s, ours / limit),
                *(plain.cpu_s, cpu, cpu / plain.cpu_s),
            )
        )
    return found


def decode(path: Path) -> int:
    """Decode as the extractor does, and throw the pictures away."""
    with open_frames(path) as reader:
        return sum(1 for _ in reader)


def _model(network: Inception, count: int) -> None:
    frames = np.zeros((BATCH, 299, 299, 3), np.uint8)
    for start in range(0, count, BATCH):
        network.pool(frames[: min(BATCH, count - start)])


def _ignore(_: float | None) -> None:
    pass
