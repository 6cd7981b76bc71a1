"""A report as a markdown table."""

from matcher_training.evaluation.figures import Direction, Figure, Gallery, MetricReport, Report, Subset

DIRECTIONS = {"picture_to_sound": "picture → sound", "sound_to_picture": "sound → picture"}
HEAD = ("metric", "pairs", "gallery", "direction", "R@1", "R@5", "R@10", "median rank", "mean rank")


def markdown(report: Report) -> str:
    """The whole report: a row for each metric, subset, gallery size and direction, chance among them."""
    rows = [row for subset, size in _places(report) for row in _rows(report, subset, size)]
    table = [_line(HEAD), _line(["---"] * 4 + ["---:"] * 5), *(_line(row) for row in rows)]
    reference = [line for metric in report.metrics for line in _reference(metric)]
    return "\n".join([*_heading(report), "", *table, "", *reference, *([""] if reference else []), *_notes(report), ""])


def _heading(report: Report) -> list[str]:
    data = ", ".join(report.data) or "data that was not named"
    return [f"# Evaluation of {report.metrics[0].name}", "", f"{report.pairs:,} pairs of {data}; seed {report.seed}."]


def _places(report: Report) -> list[tuple[int, int]]:
    subsets = report.metrics[0].subsets
    return [(subset, gallery) for subset in range(len(subsets)) for gallery in range(len(subsets[subset].galleries))]


def _rows(report: Report, subset: int, gallery: int) -> list[list[str]]:
    """All metrics at one gallery size, both directions, and chance after them."""
    rows = []
    for field, direction in DIRECTIONS.items():
        for metric in report.metrics:
            place = metric.subsets[subset].galleries[gallery]
            rows.append(_row(metric.name, metric.subsets[subset], place, direction, getattr(place, field)))
    place = report.metrics[0].subsets[subset].galleries[gallery]
    chance = place.chance
    recalls = (chance.recall_at_1, chance.recall_at_5, chance.recall_at_10)
    ranks = (chance.median_rank, chance.mean_rank)
    name = report.metrics[0].subsets[subset].name
    return [
        *rows,
        ["*chance*", name, _count(place.size), "either", *(f"{100 * r:.2f}" for r in recalls), *map(_rank, ranks)],
    ]


def _row(name: str, subset: Subset, gallery: Gallery, label: str, figures: Direction) -> list[str]:
    recalls = (figures.recall_at_1, figures.recall_at_5, figures.recall_at_10)
    ranks = (figures.median_rank, figures.mean_rank)
    return [
        name,
        subset.name,
        _count(gallery.size),
        label,
        *(_cell(r, 100, ".1f", gallery.draws) for r in recalls),
        *(_cell(r, 1, ".1f", gallery.draws) for r in ranks),
    ]


def _cell(figure: Figure, scale: float, form: str, draws: int) -> str:
    spread = f" ± {scale * figure.std:{form}}" if draws > 1 else ""
    return f"{scale * figure.mean:{form}}{spread} [{scale * figure.low:{form}}, {scale * figure.high:{form}}]"


def _reference(metric: MetricReport) -> list[str]:
    return [
        f"- {metric.name}, {subset.name}, as the reference counts: top {subset.reference.k} of "
        f"{subset.reference.gallery}, picture → sound: {_cell(subset.reference.accuracy, 100, '.1f', 2)}"
        for subset in metric.subsets
        if subset.reference
    ]


def _notes(report: Report) -> list[str]:
    draws = max(gallery.draws for subset in report.metrics[0].subsets for gallery in subset.galleries)
    over = f"{draws} seeded draws of the gallery without replacement" if draws > 1 else "one gallery"
    return [
        f"Recalls in percent. Mean ± standard deviation over {over}, every item of it a query once; a gallery of all "
        "pairs is there once. In brackets a 95 % bootstrap interval over the videos. Distances that tie with the right "
        "answer count against the metric."
    ]


def _count(size: int) -> str:
    return f"{size:,}"


def _rank(value: float) -> str:
    return f"{value:.1f}"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
