"""Keeping the figures of an evaluation with the metric that they are of."""

from pathlib import Path
from typing import Any

from matcher_training.evaluation.figures import Direction, MetricReport, Report
from needledrop.metric import MetricCard

MEASURED = "measured"
DIGITS = 4


def record_figures(report: Report, folder: Path, command: str) -> MetricCard:
    """Write the first metric's figures into its card, as `training.measured`, in place of any that are there.

    They are recalls as shares, and ranks, of both directions: the mean over the draws and its standard deviation.
    """
    card = MetricCard.load(folder)
    measured = {
        "command": command,
        "data": list(report.data),
        "pairs": report.pairs,
        "seed": report.seed,
        "figures": _figures(report.metrics[0]),
    }
    done = card.model_copy(update={"training": {**card.training, MEASURED: measured}})
    done.save(folder)
    return done


def _figures(metric: MetricReport) -> list[dict[str, Any]]:
    return [
        {
            "subset": subset.name,
            "gallery": gallery.size,
            "draws": gallery.draws,
            "picture_to_sound": _direction(gallery.picture_to_sound),
            "sound_to_picture": _direction(gallery.sound_to_picture),
        }
        for subset in metric.subsets
        for gallery in subset.galleries
    ]


def _direction(direction: Direction) -> dict[str, list[float]]:
    """[mean, standard deviation] of each figure."""
    return {
        name: [round(figure.mean, DIGITS), round(figure.std, DIGITS)] for name, figure in direction if name != "curve"
    }
