"""Evaluating metrics on pairs, as retrieval papers do, and the report of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from matcher_training.data import Pairs, Sequences
from matcher_training.evaluation.bootstrap import (
    Estimate,
    Ranks,
    draw_galleries,
    estimate,
    mean_rank,
    median_rank,
    rank_draws,
    recall_at,
)
from matcher_training.evaluation.figures import (
    Chance,
    Direction,
    Figure,
    Gallery,
    MetricReport,
    ReferenceFigure,
    Report,
    Subset,
)
from matcher_training.evaluation.markdown import markdown
from matcher_training.evaluation.pictures import draw_recall, draw_similarity
from matcher_training.evaluation.retrieval import Embeddings, chance_median_rank, chance_recall
from needledrop.errors import ErrorCode, FeatureError
from needledrop.features import Modality

Flags = npt.NDArray[np.bool_]
GALLERIES = (256, 1024)
DRAWS = 20
REFERENCE_GALLERY, REFERENCE_K = 30, 5
SHOWN = 40
CURVE_POINTS = 60
DIGITS = 6


class PairEmbedder(Protocol):
    """What embeds both sides into one space, in which the nearer is the better match."""

    def embed(self, modality: Modality, sequences: Sequences, which: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """float32 [len(which), dim], the embeddings of these sequences of one side."""
        ...


def evaluate_metric(
    metric: PairEmbedder,
    pairs: Pairs,
    *,
    name: str = "metric",
    galleries: Sequence[int | None] = GALLERIES,
    draws: int = DRAWS,
    seed: int = 0,
    subsets: Mapping[str, Flags] | None = None,
    baselines: Mapping[str, PairEmbedder] | None = None,
    data: Sequence[str] = (),
) -> Report:
    """Figures of a metric, and of others on the same draws, in both directions.

    `galleries`: sizes, None meaning all pairs of the subset. `subsets`: which pairs each is of, bool [N]; by default
    all, and where the data says which pairs are music, those too, in the galleries that they suffice for. `data` names
    what was read. `FeatureError` where a gallery is larger than a subset, or smaller than two.
    """
    chosen = {"all": np.ones(len(pairs), np.bool_)} if subsets is None else dict(subsets)
    sizes = {subset: _sizes(galleries, int(mask.sum()), subset) for subset, mask in chosen.items()}
    if subsets is None and pairs.music is not None:
        count = int(pairs.music.sum())
        enough = [size for size in galleries if count >= (2 if size is None else size)]
        if enough:
            chosen["music"], sizes["music"] = pairs.music, _sizes(enough, count, "music")
    reports = []
    for label, each in {name: metric, **(baselines or {})}.items():
        video = each.embed(Modality.VIDEO, pairs.video, pairs.video_index)
        audio = each.embed(Modality.AUDIO, pairs.audio, pairs.audio_index)
        reports.append(
            MetricReport(
                name=label,
                dim=video.shape[1],
                subsets=tuple(
                    _subset(subset, video[mask], audio[mask], sizes[subset], draws, seed)
                    for subset, mask in chosen.items()
                ),
                similarity=_similarity(video, audio, seed),
            )
        )
    return Report(data=tuple(data), pairs=len(pairs), seed=seed, metrics=tuple(reports))


def write_report(report: Report, folder: Path) -> None:
    """`report.json`, `report.md`, `recall.png` and `similarity.png` (of the first metric), replacing what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(report.model_dump_json() + "\n", encoding="utf-8")
    (folder / "report.md").write_text(markdown(report), encoding="utf-8")
    (folder / "recall.png").write_bytes(draw_recall(report))
    (folder / "similarity.png").write_bytes(draw_similarity(report.metrics[0]))


def _sizes(galleries: Sequence[int | None], count: int, subset: str) -> list[int]:
    """Each size once, ascending."""
    for size in galleries:
        if size is not None and not 2 <= size <= count:
            raise FeatureError(
                ErrorCode.FEATURES_INVALID,
                f"a gallery of {size} can't be drawn from the {count} pairs of the subset “{subset}”; "
                "“all” takes as many as there are",
            )
    return sorted({count if size is None else size for size in galleries})


def _subset(name: str, video: Embeddings, audio: Embeddings, sizes: list[int], draws: int, seed: int) -> Subset:
    return Subset(
        name=name,
        items=len(video),
        galleries=tuple(_gallery(video, audio, size, draws, seed) for size in sizes),
        reference=_reference(video, audio, draws, seed),
    )


def _gallery(video: Embeddings, audio: Embeddings, size: int, draws: int, seed: int) -> Gallery:
    items = draw_galleries(len(video), size, draws, seed)
    ks = _curve_ks(size)
    sounds, pictures = rank_draws(video, audio, items), rank_draws(audio, video, items)
    return Gallery(
        size=size,
        draws=len(items),
        chance=Chance(
            recall_at_1=chance_recall(size, 1),
            recall_at_5=chance_recall(size, 5),
            recall_at_10=chance_recall(size, 10),
            median_rank=chance_median_rank(size),
            mean_rank=chance_median_rank(size),
        ),
        picture_to_sound=_direction(sounds, ks, len(video), seed),
        sound_to_picture=_direction(pictures, ks, len(video), seed),
        curve_k=ks,
    )


def _direction(ranks: Ranks, ks: tuple[int, ...], count: int, seed: int) -> Direction:
    measures = estimate(ranks, [recall_at(1), recall_at(5), recall_at(10), median_rank, mean_rank], count, seed)
    at_1, at_5, at_10, median, mean = (_figure(measure) for measure in measures)
    return Direction(
        recall_at_1=at_1,
        recall_at_5=at_5,
        recall_at_10=at_10,
        median_rank=median,
        mean_rank=mean,
        curve=tuple(round(float((ranks.ranks <= k).mean()), DIGITS) for k in ks),
    )


def _reference(video: Embeddings, audio: Embeddings, draws: int, seed: int) -> ReferenceFigure | None:
    if len(video) < REFERENCE_GALLERY:
        return None
    items = draw_galleries(len(video), REFERENCE_GALLERY, draws, seed)
    (accuracy,) = estimate(rank_draws(video, audio, items), [recall_at(REFERENCE_K)], len(video), seed)
    return ReferenceFigure(gallery=REFERENCE_GALLERY, k=REFERENCE_K, accuracy=_figure(accuracy))


def _similarity(video: Embeddings, audio: Embeddings, seed: int) -> tuple[tuple[float, ...], ...]:
    """Negative distances between the two sides of a few pairs, drawn as a gallery is."""
    items = draw_galleries(len(video), min(SHOWN, len(video)), 1, seed)[0]
    distances = np.linalg.norm(video[items][:, None] - audio[items][None], axis=-1)
    return tuple(tuple(round(-float(value), 4) for value in row) for row in distances)


def _figure(estimated: Estimate) -> Figure:
    return Figure(
        mean=round(estimated.mean, DIGITS),
        std=round(estimated.std, DIGITS),
        low=round(estimated.low, DIGITS),
        high=round(estimated.high, DIGITS),
    )


def _curve_ks(size: int) -> tuple[int, ...]:
    """Values of k from 1 to the gallery's size, evenly spread on a logarithmic axis."""
    return tuple(int(k) for k in np.unique(np.geomspace(1, size, CURVE_POINTS).round().astype(int)))
