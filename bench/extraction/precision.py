"""What reduced precision does to features and to the ranking, beside float32, with the bundle at hand."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from bench import media
from bench.extraction.forward import cosine
from bench.extraction.ranks import Ranks, extracted, overlap, ranked
from bench.measure import in_turns
from bench.report import Cell, Table
from bench.settings import BenchSettings
from needledrop.bundle import Bundle
from needledrop.features import Codes, dequantise
from needledrop.settings import CoreSettings
from needledrop_demo import demo_clips, write_clips, write_library
from needledrop_media import open_frames
from video_extractor.extractor import VideoExtractor, load
from video_extractor.settings import Precision


def run(settings: BenchSettings) -> tuple[Table, ...]:
    bundle, core = Bundle.load(settings.bundle), CoreSettings(device="cpu")
    ways = {
        "float32": load(bundle, core),
        "bfloat16": load(bundle, core, Precision.BFLOAT16),
        "float32, --fast": load(bundle, core, keyframes=True),
    }
    with tempfile.TemporaryDirectory() as name:
        library = write_library(Path(name) / "music")
        write_clips(Path(name) / "clips", library)
        clips = demo_clips(Path(name) / "clips", library)[: 3 if settings.quick else None]
        paths = [clip.path for clip in clips]
        raw, codes = {}, {}
        for way, extractor in ways.items():
            raw[way], codes[way] = _extracted(extractor, paths)
        tracks = extracted(bundle, core, [track.path for track in library])
    ranks = {way: ranked(bundle, found, tracks) for way, found in codes.items()}
    rows = [_row(way, raw, codes, ranks) for way in ways]
    return (
        _decoding(settings),
        Table(
            "Precision and --fast, beside float32",
            (
                *("way", "raw rows: least cosine", "mean", "centred rows: mean", "codes: mean cosine"),
                *("codes equal", "off by one or less", "first track the same", "first ten shared"),
            ),
            tuple(rows),
            f"{len(paths)} demo clips over the demo's {len(library)} tracks, with the bundle “{bundle.manifest.name}”"
            f"{', whose backbones are untrained' if bundle.manifest.untrained_backbones else ''}. Centred: minus the "
            "mean of all rows, which is what a PCA sees.",
        ),
    )


def _decoding(settings: BenchSettings) -> Table:
    """Of all frames that are needed, beside key frames only."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for height in (360, 720):
            path = media.picture(Path(name), settings.clip_s, height)
            costs = in_turns({"all": partial(_read, path, False), "key": partial(_read, path, True)}, 3)
            every, key = costs["all"], costs["key"]
            rows.append((f"{height}p", every.cpu_s, key.cpu_s, every.cpu_s / key.cpu_s, every.wall_s, key.wall_s))
    columns = "clip", "CPU s", "key frames: CPU s", "ratio", "wall s", "key frames: wall s"
    return Table(f"Decoding, {settings.clip_s:.0f} s of H.264", columns, tuple(rows), "Medians of three turns.")


def _read(path: Path, keyframes: bool) -> int:
    with open_frames(path, keyframes=keyframes) as reader:
        return sum(1 for _ in reader)


def _extracted(extractor: VideoExtractor, paths: list[Path]) -> tuple[np.ndarray, list[Codes]]:
    """Raw rows of all files, and each one's codes."""
    raw: list[np.ndarray] = []
    codes = [extractor.extract(path, lambda _: None, raw.append).features for path in paths]
    return np.concatenate(raw), codes


def _row(
    way: str, raw: dict[str, np.ndarray], codes: dict[str, list[Codes]], ranks: dict[str, Ranks]
) -> tuple[Cell, ...]:
    base = raw["float32"]
    mean = base.mean(axis=0)
    plain = cosine(raw[way], base)
    one, other = np.concatenate(codes[way]), np.concatenate(codes["float32"])
    off = np.abs(one.astype(int) - other.astype(int))
    first, shared = overlap(ranks[way], ranks["float32"])
    return (
        way,
        f"{plain.min():.5f}",
        f"{plain.mean():.5f}",
        f"{cosine(raw[way] - mean, base - mean).mean():.4f}",
        f"{cosine(dequantise(one), dequantise(other)).mean():.4f}",
        f"{(off == 0).mean():.1%}",
        f"{(off <= 1).mean():.1%}",
        f"{first:.0%}",
        f"{shared:.0%}",
    )
