"""The pictures of a report, drawn without a display."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from matcher_training.evaluation.figures import Gallery, MetricReport, Report

DPI = 120
DIRECTIONS = (("picture_to_sound", "picture → sound", "-"), ("sound_to_picture", "sound → picture", "--"))
CHANCE = "0.55"


def draw_recall(report: Report) -> bytes:
    """PNG: recall@k against k, a panel for each subset and gallery size, a colour a metric, chance in grey."""
    places = [
        (subset, gallery)
        for subset in range(len(report.metrics[0].subsets))
        for gallery in range(len(report.metrics[0].subsets[subset].galleries))
    ]
    columns = min(2, len(places))
    rows = -(-len(places) // columns)
    figure = Figure(figsize=(5.2 * columns, 4.2 * rows + 0.7), layout="constrained")
    for number, (subset, gallery) in enumerate(places, start=1):
        axes = figure.add_subplot(rows, columns, number)
        for colour, metric in enumerate(report.metrics):
            shown = metric.subsets[subset].galleries[gallery]
            for field, label, style in DIRECTIONS:
                curve = getattr(shown, field).curve
                axes.plot(shown.curve_k, curve, style, color=f"C{colour}", label=f"{metric.name}, {label}")
        axes.plot(shown.curve_k, np.array(shown.curve_k) / shown.size, ":", color=CHANCE, label="chance")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set(xlim=(1, shown.size), ylim=(0, 1), xlabel="k", ylabel="recall@k")
        axes.set_title(_title(report.metrics[0].subsets[subset].name, shown))
        axes.grid(alpha=0.3)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)), frameon=False)
    return _png(figure)


def draw_similarity(metric: MetricReport) -> bytes:
    """PNG: the similarity of a few clips, in rows, with their sounds, in columns; the pairs lie on the diagonal."""
    matrix = np.array(metric.similarity)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(matrix, cmap="viridis", interpolation="nearest")
    ranks = (matrix >= np.diagonal(matrix)[:, None]).sum(axis=1)
    axes.set(xlabel="sound", ylabel="picture")
    axes.set_title(
        f"{metric.name}: {len(matrix)} pairs, {(ranks == 1).mean():.0%} of the pictures nearest to their own"
    )
    figure.colorbar(image, ax=axes, label="similarity (minus the distance)", shrink=0.85)
    return _png(figure)


def _title(subset: str, gallery: Gallery) -> str:
    return f"{subset}, gallery of {gallery.size:,}"


def _png(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    # No date or version in it: the same figures make the same file.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
