"""`python -m bench.trials`: what each step of our metric's recipe gives, on a validation split, as a markdown table.

    python -m bench.trials --data pairs.npz --shards first:140 --work var/trials width-512 distilled-512

The figures are of the pairs that training holds out (whole shards where there are some), never of a final test. Every
member is kept under `--work`, so that trials share members and a run that was cut off goes on.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.recipes import TRIALS, Trial
from matcher_training.commands.choices import apart, chosen_shards
from matcher_training.data import Pairs, read_pairs
from matcher_training.evaluation.figures import MetricReport
from matcher_training.evaluation.report import evaluate_metric
from matcher_training.fit.fitting import held_out_share
from matcher_training.fit.joined_fit import JoinedFit
from matcher_training.fit.progress import Epoch
from matcher_training.towers.joined import JoinedMetric
from matcher_training.towers.tower_embedder import TowerEmbedder
from matcher_training.towers.weights import load_weights, save_weights

GALLERIES = (256, 1024)
MIB = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.trials", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--shards", help="as for needledrop-train fit")
    parser.add_argument("--hold-out", type=int, help="as for needledrop-train fit")
    parser.add_argument("--work", type=Path, required=True, help="where members are kept")
    parser.add_argument("--seed", type=int, default=0, help="the split, and the first member's seed")
    parser.add_argument("--galleries", default="256,1024")
    parser.add_argument("--bits", type=int, default=8, help="of a stored weight")
    parser.add_argument("trials", nargs="+", choices=sorted(TRIALS))
    options = parser.parse_args()
    pairs = read_pairs([options.data])
    if options.shards:
        pairs = chosen_shards(pairs, options.shards)
    if options.hold_out:
        pairs = apart(pairs, options.hold_out)[0]
    train, held = pairs.split(held_out_share(len(pairs)), np.random.default_rng(options.seed))
    sizes = [size for size in map(int, options.galleries.split(",")) if size <= len(held)]
    print(f"{len(train)} pairs to train on, {len(held)} to measure on\n")
    print("| trial | dims | MiB | subset | gallery | R@1 | R@5 | R@10 | median rank | minutes |")
    print("|---|---:|---:|---|---:|---:|---:|---:|---:|---:|", flush=True)
    for name in options.trials:
        started = time.perf_counter()
        metric = fitted(TRIALS[name], train, held, options.seed, options.work)
        minutes = (time.perf_counter() - started) / 60
        size = as_stored(metric, options.bits)
        report = evaluate_metric(TowerEmbedder(metric), held, galleries=sizes, seed=options.seed).metrics[0]
        for row in rows(report):
            print(f"| {name} | {metric.dim} | {size / MIB:.1f} | {row} | {minutes:.1f} |", flush=True)


def fitted(trial: Trial, train: Pairs, held: Pairs, seed: int, work: Path) -> JoinedMetric:
    """The trial's metric, from whatever members are there already."""

    def report(stage: str, epoch: Epoch) -> None:
        print(f"{stage}: {epoch.number}/{epoch.of} {epoch.reciprocal_rank:.3f}", file=sys.stderr, flush=True)

    hops_s = train.video.hop_s, train.audio.hop_s
    return JoinedFit(trial.recipe(), train, held, hops_s, seed, work / trial.family, report).run()[0]


def as_stored(metric: JoinedMetric, bits: int) -> int:
    """The size of the compact file in bytes; the metric then holds what was stored."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "metric.safetensors"
        save_weights(metric, path, bits=bits)
        load_weights(metric, path)
        return path.stat().st_size


def rows(report: MetricReport) -> list[str]:
    """Picture to sound: a row for each subset and gallery."""
    found = []
    for subset in report.subsets:
        for gallery in subset.galleries:
            figures = gallery.picture_to_sound
            recalls = (figures.recall_at_1, figures.recall_at_5, figures.recall_at_10)
            cells = " | ".join(f"{100 * recall.mean:.1f}" for recall in recalls)
            found.append(f"{subset.name} | {gallery.size} | {cells} | {figures.median_rank.mean:.1f}")
    return found


if __name__ == "__main__":
    main()
