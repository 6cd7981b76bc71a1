"""From pairs to a metric folder, and from there to embeddings."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests import made_up

from matcher_training.bundles.loading import load_metric, load_tower_embedder, load_towers
from matcher_training.data import Labels
from matcher_training.evaluation.report import evaluate_metric
from matcher_training.fit.fitting import fit_metric
from matcher_training.fit.joined_fit import JoinedFit
from matcher_training.fit.progress import FitProgress
from matcher_training.fit.recipe_selection import FEW, LEAST_LABELS, NETS_FROM, choose_recipe, kernel_recipe
from matcher_training.fit.recipes import JoinedRecipe, LabelRecipe, ResidualRecipe
from matcher_training.towers.shapes import HubShape, ResidualShape, TowerShape
from needledrop.errors import ErrorCode, FeatureError
from needledrop.features import Modality, dequantise
from needledrop.metric import MetricCard

TOWER = TowerShape(width=16)
RESIDUAL = ResidualRecipe(shape=ResidualShape(dim=8, video=TOWER, audio=TOWER), epochs=6, batch=64, learning_rate=3e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fit") / "mine"
    fit_metric(made_up.pairs(160, video_dim=24, audio_dim=12), None, "needledrop", out, seed=1)
    return out


def test_the_card_says_what_was_done_and_what_came_of_it(folder: Path) -> None:
    card = MetricCard.load(folder)
    assert (card.name, card.kind, card.video.dim, card.audio.dim) == ("mine", "needledrop", 24, 12)
    assert card.training["pairs"] == 144
    assert card.training["held_out"]["gallery"] == 16
    assert card.training["held_out"]["median_rank"] <= 3
    json.dumps(card.training)


def test_the_folder_holds_the_metric_and_nothing_else(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"metric.json", "metric.safetensors"}


def test_what_was_held_out_is_measured_from_the_file(folder: Path) -> None:
    pairs = made_up.pairs(160, video_dim=24, audio_dim=12)
    _, held = pairs.split(0.1, np.random.default_rng(1))
    report = evaluate_metric(load_tower_embedder(folder, held), held, galleries=(None,), draws=1)
    figure = report.metrics[0].subsets[0].galleries[0].picture_to_sound.recall_at_1.mean
    assert figure == pytest.approx(MetricCard.load(folder).training["held_out"]["recall_at_1"], abs=1e-6)


def test_held_out_figures_agree_with_embedding_one_pair_at_a_time(folder: Path) -> None:
    pairs = made_up.pairs(160, video_dim=24, audio_dim=12)
    _, held = pairs.split(0.1, np.random.default_rng(1))
    metric = load_towers(folder)
    ranks = []
    with torch.inference_mode():
        audio = [metric.audio(torch.from_numpy(dequantise(held.audio[i])[None])) for i in held.audio_index]
        for number, i in enumerate(held.video_index):
            video = metric.video(torch.from_numpy(dequantise(held.video[i])[None]))
            distances = [float(torch.linalg.vector_norm(video - other)) for other in audio]
            ranks.append(sorted(distances).index(distances[number]) + 1)
    assert MetricCard.load(folder).training["held_out"]["mean_rank"] == pytest.approx(np.mean(ranks), abs=1e-6)


def test_the_metric_embeds_windows_clips_and_steps(folder: Path) -> None:
    pairs = made_up.pairs(3, video_dim=24, audio_dim=12)
    embedder = load_metric(folder)
    track = np.concatenate([pairs.audio[0]] * 6)
    windows = embedder.windows(track, 0.96)
    steps = embedder.steps(Modality.AUDIO, track, 0.96)
    assert len(windows) > 1
    assert steps is not None
    assert steps.shape == (60, embedder.dim)
    clip = embedder.clip(pairs.video[0], 1.0)
    assert np.linalg.norm(clip) == pytest.approx(1.0, abs=1e-5)
    # In the middle a step is the window around it, at the ends the nearest whole one.
    count = round(5.0 / 0.96)
    start = 30 - (count - 1) // 2
    middle = embedder.windows(track[start : start + count], 0.96)[0].vector
    np.testing.assert_allclose(steps[30], middle, atol=2e-3)
    np.testing.assert_array_equal(steps[0], steps[1])


def test_progress_counts_over_all_stages_up_to_the_end(tmp_path: Path) -> None:
    told: list[FitProgress] = []
    fit_metric(made_up.pairs(40, video_dim=8, audio_dim=6), None, "va_metric2", tmp_path / "a", progress=told.append)
    assert [(each.epoch, each.epochs) for each in told] == [(epoch, 40) for epoch in range(1, 41)]
    told.clear()
    fit_metric(made_up.pairs(40, video_dim=8, audio_dim=6), None, "needledrop", tmp_path / "b", progress=told.append)
    assert [each.epoch for each in told] == list(range(1, told[0].epochs + 1))


def test_too_few_pairs_are_refused_by_number(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="8 pairs or more, there are 5") as caught:
        fit_metric(made_up.pairs(5, video_dim=8, audio_dim=6), None, "needledrop", tmp_path / "out")
    assert caught.value.code is ErrorCode.FEATURES_INVALID


@pytest.mark.parametrize("count", [8, 9, 30])
def test_very_few_pairs_still_give_a_metric(tmp_path: Path, count: int) -> None:
    fit_metric(made_up.pairs(count, video_dim=8, audio_dim=6), None, "needledrop", tmp_path / "out")
    assert np.isfinite(load_metric(tmp_path / "out").clip(made_up.random_codes(5, 8, 0), 1.0)).all()


def test_few_pairs_get_kernels_and_more_nets_beside_them_and_many_taught_nets() -> None:
    pairs = made_up.pairs(20, video_dim=4, audio_dim=4)
    assert choose_recipe(pairs).kernels
    assert not choose_recipe(pairs).residuals
    some = choose_recipe(pairs.take(np.zeros(NETS_FROM, np.int64)))
    assert some.kernels
    assert some.residuals
    many = pairs.take(np.zeros(FEW, np.int64))
    assert choose_recipe(many).teachers
    assert not choose_recipe(many).kernels


@pytest.mark.parametrize("common", [0, 19, 20, 300])
def test_labels_teach_where_enough_of_them_are_common(common: int) -> None:
    pairs = made_up.pairs(20, video_dim=4, audio_dim=4).take(np.zeros(FEW, np.int64))
    ids = [[number % common] if common else [number] for number in range(FEW)]
    labels = choose_recipe(dataclasses.replace(pairs, labels=Labels.of(ids))).labels
    assert (labels is not None) == (common >= LEAST_LABELS)


def test_students_learn_from_teachers_and_a_stage_that_is_whole_is_not_run_again(tmp_path: Path) -> None:
    pairs = made_up.pairs(200, video_dim=16, audio_dim=8)
    train, held = pairs.split(0.2, np.random.default_rng(0))
    train, held = (
        dataclasses.replace(part, labels=Labels.of([[number % 3] for number in range(len(part))]))
        for part in (train, held)
    )
    recipe = JoinedRecipe(
        kernels=kernel_recipe(20).kernels[:1],
        teaching_labels=LabelRecipe((TOWER, TOWER), epochs=2, batch=32),
        labels=LabelRecipe((TOWER, TOWER), epochs=3, batch=32, weight=0.2),
        teachers=(RESIDUAL, RESIDUAL),
        residuals=(RESIDUAL,),
        hubs=HubShape(bank=50, beta=10.0, strength=0.5),
    )
    told: list[str] = []

    def fit() -> JoinedFit:
        return JoinedFit(recipe, train, held, (1.0, 0.96), 0, tmp_path, lambda stage, epoch: told.append(stage))

    metric, shape = fit().run()
    assert shape.hubs is not None
    assert [(member.kind, member.weight) for member in shape.members] == [
        ("kernel", 1.0),
        ("label", 0.2),
        ("residual", 1.0),
    ]
    taught = [
        *["teacher 1 of 2"] * 6,
        *["teacher 2 of 2"] * 6,
        *["teaching labels"] * 2,
        *["labels"] * 3,
        *["member 1 of 1"] * 6,
    ]
    assert told == ["kernel member 1 of 1", *taught]
    assert len(told) == recipe.epochs
    told.clear()
    again, _ = fit().run()
    assert told == ["kernel member 1 of 1"]
    rows = torch.randn(3, 4, 16)
    assert torch.equal(again.video(rows), metric.video(rows))
