"""Inception alone: frames a second beside torchvision's network in fp32 and default layout, and how near its
arithmetic comes to a large matrix product's, which is the most that the processor does in fp32."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.baseline.video import BATCH, baseline_network
from bench.measure import in_turns, kept
from bench.report import Table
from bench.settings import BenchSettings
from needledrop.bundle import Bundle
from needledrop_demo import render_frames, training_pairs
from video_extractor.extractor import BATCH as OURS
from video_extractor.inception import Frames, Inception
from video_extractor.preprocessing import Preprocessing
from video_extractor.settings import Precision

# Also where the instruction is there and slow: then the table shows it.
HARDWARE = any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
KINDS = (Precision.FLOAT32, Precision.BFLOAT16) if HARDWARE else (Precision.FLOAT32,)
SIDE = 2048
EMULATED = "" if HARDWARE else "No bfloat16: this processor would emulate it."


def run(settings: BenchSettings) -> tuple[Table, ...]:
    bundle = Bundle.load(settings.bundle)
    weights = settings.bundle / bundle.video.files[0].path
    preprocessing = Preprocessing(bundle.video.preprocessing)
    baseline = baseline_network(weights)
    cpu = torch.device("cpu")
    ours = {kind: Inception.load(weights, preprocessing, cpu, kind) for kind in KINDS}
    frames = scene_frames(BATCH)

    @torch.no_grad()
    def plain() -> np.ndarray:
        values = torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous().float() / 255
        rows: np.ndarray = baseline(values).numpy()
        return rows

    def of(kind: Precision) -> np.ndarray:
        return np.concatenate([ours[kind].pool(frames[start : start + OURS]) for start in range(0, len(frames), OURS)])

    expected = plain()
    rows = {kind: of(kind) for kind in ours}
    square = torch.rand(SIDE, SIDE)
    works: dict[str, Callable[[], object]] = {kind: kept(partial(of, kind)) for kind in ours}
    costs = in_turns({"plain": plain, "product": lambda: square @ square, **works}, 2 * settings.rounds + 1)
    base = costs["plain"].wall_s
    gflop, most = _gflop(baseline), 2 * SIDE**3 / 1e9 / costs["product"].wall_s
    speed = len(frames) / base
    table = [("torchvision, fp32, default layout, batch 32", speed, 1.0, 1.0, speed * gflop / most, 1.0, 1.0)]
    for kind in ours:
        cosines = cosine(rows[kind], expected)
        speed = len(frames) / costs[kind].wall_s
        ratios = base / costs[kind].wall_s, costs["plain"].cpu_s / costs[kind].cpu_s
        share = speed * gflop / most
        table.append(
            (f"ours, {kind}, batch {OURS}", speed, *ratios, share, float(cosines.min()), float(cosines.mean()))
        )
    return (
        Table(
            "Inception forward",
            (
                *("what", "frames/s", "× the plain one", "the same in CPU s", "÷ matrix product"),
                *("least cosine of raw rows", "mean"),
            ),
            tuple(table),
            f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}. Medians of turns. A frame is {gflop:.1f} "
            f"GFLOP; a product of two fp32 matrices of {SIDE} a side does {most:.0f} GFLOP/s here. {EMULATED}",
        ),
    )


def _gflop(network: torch.nn.Module) -> float:
    """Of one frame."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 299, 299))
    return float(counter.get_total_flops()) / 1e9


def scene_frames(count: int, seed: int = 11) -> Frames:
    """uint8 [count, 299, 299, 3], each of another generated scene, none of them the demo's."""
    scenes = training_pairs(count, seed=seed)
    return np.stack([next(iter(render_frames(scene, [0.5], (299, 299)))) for scene in scenes])


def cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """[N] of rows [N, D]."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    result: np.ndarray = (one * other).sum(axis=1) / np.maximum(lengths, 1e-12)
    return result
