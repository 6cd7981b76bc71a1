import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from tests.made_up import pairs as made_up_pairs

from matcher_training.data import Pairs, Sequences, floats
from matcher_training.evaluation.figures import Report
from matcher_training.evaluation.markdown import markdown
from matcher_training.evaluation.pictures import draw_recall, draw_similarity
from matcher_training.evaluation.report import evaluate_metric, write_report
from needledrop.errors import FeatureError
from needledrop.features import Modality


class Means:
    """Embeds a sequence as the mean of its first columns over time, with noise."""

    def __init__(self, noise: float = 0.0) -> None:
        self._noise = noise

    def embed(self, modality: Modality, sequences: Sequences, which: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        rows = np.stack([floats(sequences[int(i)]).mean(axis=0)[:6] for i in which])
        rng = np.random.default_rng([len(which), ord(modality[0])])
        return (rows + self._noise * rng.standard_normal(rows.shape)).astype(np.float32)


class Knowing(Means):
    """Both sides of a pair at one place: no metric can do better."""

    def embed(self, modality: Modality, sequences: Sequences, which: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        return np.eye(len(sequences), dtype=np.float32)[sequences.pair[which]]


class Nothing(Means):
    def embed(self, modality: Modality, sequences: Sequences, which: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        return np.zeros((len(which), 4), np.float32)


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """60 pairs whose two sides are the same rows, 24 of them music."""
    made = made_up_pairs(60, video_dim=8, audio_dim=8)
    return replace(made, audio=made.video, music=np.arange(60) % 5 < 2)


@pytest.fixture(scope="module")
def report(pairs: Pairs) -> Report:
    baselines = {"nothing": Nothing(), "noisy": Means(2.0)}
    return evaluate_metric(
        Knowing(), pairs, name="knowing", galleries=(20, None), draws=4, baselines=baselines, data=["made up"]
    )


def test_a_metric_that_knows_is_first_everywhere_and_one_that_knows_nothing_last(report: Report) -> None:
    knowing, nothing, noisy = report.metrics

    for subset, items in ((0, 60), (1, 24)):
        assert knowing.subsets[subset].items == items
        for place, size in enumerate((20, items)):
            for metric, rank in ((knowing, 1.0), (nothing, float(size))):
                gallery = metric.subsets[subset].galleries[place]
                assert gallery.size == size
                for direction in (gallery.picture_to_sound, gallery.sound_to_picture):
                    assert direction.median_rank.mean == direction.mean_rank.mean == rank
                    assert direction.recall_at_1.mean == (rank == 1)
                    assert direction.recall_at_1.low == direction.recall_at_1.high == (rank == 1)
            spread = noisy.subsets[subset].galleries[place].picture_to_sound
            assert 0 < spread.recall_at_5.mean < 1
            assert spread.recall_at_5.low < spread.recall_at_5.mean < spread.recall_at_5.high


def test_the_figures_are_those_of_a_full_matrix_of_the_same_items(pairs: Pairs) -> None:
    metric = Means(1.0)
    report = evaluate_metric(metric, pairs, galleries=(None,), seed=7)

    video = metric.embed(Modality.VIDEO, pairs.video, pairs.video_index).astype(float)
    audio = metric.embed(Modality.AUDIO, pairs.audio, pairs.audio_index).astype(float)
    gallery = report.metrics[0].subsets[0].galleries[0]
    for queries, answers, found in ((video, audio, gallery.picture_to_sound), (audio, video, gallery.sound_to_picture)):
        ranks = []
        for i in range(60):
            own = sum((queries[i] - answers[i]) ** 2)
            ranks.append(sum(sum((queries[i] - other) ** 2) <= own for other in answers))
        assert found.recall_at_1.mean == pytest.approx(np.mean([rank <= 1 for rank in ranks]), abs=1e-6)
        assert found.recall_at_10.mean == pytest.approx(np.mean([rank <= 10 for rank in ranks]), abs=1e-6)
        assert found.median_rank.mean == np.median(ranks)
        assert found.mean_rank.mean == pytest.approx(np.mean(ranks), abs=1e-5)
        assert gallery.curve_k[-1] == 60
        for k, share in zip(gallery.curve_k, found.curve, strict=True):
            assert share == pytest.approx(np.mean([rank <= k for rank in ranks]), abs=1e-6)


def test_the_same_seed_gives_the_same_report_whatever_it_is_compared_with(pairs: Pairs, report: Report) -> None:
    alone = evaluate_metric(Means(2.0), pairs, name="noisy", galleries=(20, None), draws=4)

    assert alone.metrics[0] == report.metrics[2]
    assert evaluate_metric(Means(2.0), pairs, galleries=(20,), seed=1).metrics[0].subsets != alone.metrics[0].subsets


def test_the_references_figure_is_recall_at_5_of_30_and_absent_where_there_are_fewer(report: Report) -> None:
    everything, music = report.metrics[0].subsets

    assert everything.reference is not None
    assert (everything.reference.gallery, everything.reference.k) == (30, 5)
    assert everything.reference.accuracy.mean == 1
    assert music.reference is None


def test_a_gallery_larger_than_the_data_is_refused_unless_all_is_asked_for(pairs: Pairs) -> None:
    with pytest.raises(FeatureError, match="61 can't be drawn from the 60 pairs of the subset “all”"):
        evaluate_metric(Nothing(), pairs, galleries=(61,))
    with pytest.raises(FeatureError, match="30 can't be drawn from the 24 pairs of the subset “music”"):
        evaluate_metric(Nothing(), pairs, galleries=(30,), subsets={"music": np.arange(60) % 5 < 2})
    with pytest.raises(FeatureError, match="gallery of 1 "):
        evaluate_metric(Nothing(), pairs, galleries=(1,))


def test_music_is_left_out_of_galleries_that_it_does_not_suffice_for(pairs: Pairs) -> None:
    both = evaluate_metric(Nothing(), pairs, galleries=(10, 24, 50)).metrics[0].subsets
    one = evaluate_metric(Nothing(), pairs, galleries=(50,)).metrics[0].subsets

    assert [(s.name, [g.size for g in s.galleries]) for s in both] == [("all", [10, 24, 50]), ("music", [10, 24])]
    assert [s.name for s in one] == ["all"]


def test_without_labels_there_is_no_subset_of_music(pairs: Pairs) -> None:
    report = evaluate_metric(Nothing(), replace(pairs, music=None), galleries=(None,))
    assert [subset.name for subset in report.metrics[0].subsets] == ["all"]


def test_a_written_report_can_be_read_and_has_its_pictures(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path / "metric")
    write_report(report, tmp_path / "metric")

    text = (tmp_path / "metric" / "report.json").read_text()
    assert Report.model_validate_json(text) == report
    assert json.loads(text)["metrics"][0]["subsets"][0]["galleries"][0]["picture_to_sound"]["recall_at_1"]["mean"] == 1
    assert sorted(path.name for path in (tmp_path / "metric").iterdir()) == [
        "recall.png",
        "report.json",
        "report.md",
        "similarity.png",
    ]


def test_the_table_has_a_row_for_each_metric_subset_gallery_and_direction(report: Report) -> None:
    lines = [line for line in markdown(report).splitlines() if line.startswith("|")]

    assert len(lines) == 2 + 2 * 2 * (3 * 2 + 1)
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| knowing | all | 20 | picture → sound | 100.0 ± 0.0 [100.0, 100.0] |")
    assert "| *chance* | music | 24 | either | 4.17 | 20.83 | 41.67 | 12.5 | 12.5 |" in lines


def test_the_pictures_are_images_of_a_sensible_size_and_show_something(report: Report) -> None:
    for data in (draw_recall(report), draw_similarity(report.metrics[0])):
        image = Image.open(io.BytesIO(data)).convert("L")
        assert 500 < image.width < 2000
        assert 400 < image.height < 2000
        assert np.asarray(image).std() > 5


def test_the_same_report_draws_the_same_pictures(report: Report) -> None:
    assert draw_recall(report) == draw_recall(report)
    assert draw_similarity(report.metrics[0]) == draw_similarity(report.metrics[0])
