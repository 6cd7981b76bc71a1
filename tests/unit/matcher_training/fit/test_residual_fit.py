"""Training residual towers: it learns what is there, nothing where nothing is, and goes on where it was cut off."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tests import made_up

from matcher_training.data import Pairs, Sequences, floats
from matcher_training.fit.held_out_rank import embed_pairs, mean_reciprocal_rank
from matcher_training.fit.progress import Epoch
from matcher_training.fit.recipes import ResidualRecipe
from matcher_training.fit.residual_fit import ResidualFit
from matcher_training.fit.standardisation import standardise
from matcher_training.towers.residual import ResidualTowers
from matcher_training.towers.shapes import ResidualShape, TowerShape

TOWER = TowerShape(width=32)
RECIPE = ResidualRecipe(
    shape=ResidualShape(dim=16, video=TOWER, audio=TOWER), epochs=12, batch=64, learning_rate=3e-3, crop_s=(2.0, 10.0)
)


def data() -> tuple[Pairs, Pairs]:
    pairs = made_up.pairs(240, video_dim=24, audio_dim=12)
    return pairs.take(np.arange(200)), pairs.take(np.arange(200, 240))


def fit(path: Path, train: Pairs, held: Pairs, recipe: ResidualRecipe = RECIPE, seed: int = 0) -> ResidualFit:
    return ResidualFit(recipe, train, held, (1.0, 0.96), seed, path / "checkpoint")


def chance(count: int) -> float:
    return sum(1 / rank for rank in range(1, count + 1)) / count


@pytest.mark.parametrize("pooling", ["mean", "gated"])
@pytest.mark.parametrize("layers", [0, 1])
def test_tiny_data_is_learnt_by_heart(tmp_path: Path, pooling: str, layers: int) -> None:
    tower = TowerShape.model_validate({"width": 32, "layers": layers, "pooling": pooling})
    train, _ = data()
    few = train.take(np.arange(24))
    plain = dataclasses.replace(
        RECIPE,
        shape=ResidualShape(dim=16, video=tower, audio=tower),
        epochs=60,
        mixup=0.0,
        dropout=0.0,
        input_dropout=(0.0, 0.0),
    )
    towers = fit(tmp_path, few, few, plain).run(lambda epoch: None)
    assert mean_reciprocal_rank(*embed_pairs(towers, few)) > 0.95


def test_what_was_not_seen_is_found_where_pairs_are_pairs_and_by_chance_where_they_were_shuffled(
    tmp_path: Path,
) -> None:
    train, held = data()
    towers = fit(tmp_path / "paired", train, held).run(lambda epoch: None)
    assert mean_reciprocal_rank(*embed_pairs(towers, held)) > 0.5

    order = np.random.default_rng(1).permutation(len(train))
    shuffled = dataclasses.replace(train, audio_index=train.audio_index[order])
    # The last epoch, not the best one of those that luck gave.
    training = fit(tmp_path / "shuffled", shuffled, held)
    epochs: list[Epoch] = []
    training.run(epochs.append)
    assert epochs[-1].reciprocal_rank < 2.5 * chance(len(held))


def test_centre_and_scale_are_those_of_all_rows_however_uneven_the_lengths() -> None:
    lengths = np.array([3, 40, 1, 7])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    codes = np.random.default_rng(0).integers(0, 256, (51, 6), np.uint8)
    side = Sequences(codes, offsets, np.arange(4), hop_s=1.0)
    towers = ResidualTowers(RECIPE.shape, (6, 6), (1.0, 1.0))
    standardise((towers.video, towers.audio), Pairs.join(side, side))
    rows = floats(codes)
    np.testing.assert_allclose(towers.video.centre.numpy(), rows.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(
        float(towers.audio.scale), np.sqrt(np.square(rows - rows.mean(axis=0)).mean()), rtol=1e-5
    )


def test_a_run_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    train, held = data()
    whole = fit(tmp_path / "whole", train, held).run(lambda epoch: None)

    class CutOffError(Exception):
        pass

    def cut(epoch: Epoch) -> None:
        if epoch.number == 5:
            raise CutOffError

    with pytest.raises(CutOffError):
        fit(tmp_path / "cut", train, held).run(cut)
    rest: list[Epoch] = []
    resumed = fit(tmp_path / "cut", train, held).run(rest.append)

    assert [epoch.number for epoch in rest] == list(range(6, RECIPE.epochs + 1))
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], tensor)


def test_a_torn_checkpoint_starts_the_training_anew(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_bytes(b"PK\x03\x04 torn")
    train, held = data()
    epochs: list[Epoch] = []
    fit(tmp_path, train, held, dataclasses.replace(RECIPE, epochs=2)).run(epochs.append)
    assert [epoch.number for epoch in epochs] == [1, 2]


def test_a_teacher_is_followed_where_the_pairs_say_nothing(tmp_path: Path) -> None:
    train, held = data()
    teacher = fit(tmp_path / "teacher", train, held)
    towers = teacher.run(lambda epoch: None)
    order = np.random.default_rng(2).permutation(len(train))
    shuffled = dataclasses.replace(train, audio_index=train.audio_index[order])
    student = ResidualFit(
        RECIPE,
        shuffled,
        held,
        (1.0, 0.96),
        7,
        tmp_path / "student",
        teacher=lambda batch: teacher.scale * towers.video(batch.video.rows) @ towers.audio(batch.audio.rows).T,
        hard_share=0.0,
    )
    found = mean_reciprocal_rank(*embed_pairs(student.run(lambda epoch: None), held))
    assert found > 4 * chance(len(held))


def test_without_held_out_pairs_the_last_epoch_counts(tmp_path: Path) -> None:
    train, held = data()
    told: list[Epoch] = []
    nothing = fit(tmp_path / "nothing", train, held.take(np.arange(0)))
    towers = nothing.run(told.append)

    assert [epoch.number for epoch in told] == list(range(1, RECIPE.epochs + 1))
    assert all(math.isnan(epoch.reciprocal_rank) for epoch in told)
    for name, tensor in nothing.towers.state_dict().items():
        assert torch.equal(tensor, towers.state_dict()[name])


def test_the_inverse_temperature_stays_at_the_most_that_is_allowed(tmp_path: Path) -> None:
    train, held = data()
    free = fit(tmp_path / "free", train, held)
    bound = fit(tmp_path / "bound", train, held, dataclasses.replace(RECIPE, most_scale=4.0))
    losses: dict[str, list[float]] = {"free": [], "bound": []}
    free.run(lambda epoch: losses["free"].append(epoch.loss))
    bound.run(lambda epoch: losses["bound"].append(epoch.loss))

    assert bound.scale == pytest.approx(4.0)
    assert free.scale > 4.0
    # Cosines of -1 to 1 times 4 leave each of 63 others a share of the softmax.
    assert min(losses["bound"]) > math.log(1 + 63 * math.exp(-8))
    assert min(losses["bound"]) > min(losses["free"])


def test_training_leaves_the_global_generator_as_it_was(tmp_path: Path) -> None:
    train, held = data()
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    fit(tmp_path, train, held, dataclasses.replace(RECIPE, epochs=1)).run(lambda epoch: None)
    assert torch.equal(torch.rand(3), wanted)


def test_training_stops_when_held_out_pairs_get_no_better(tmp_path: Path) -> None:
    train, held = data()
    order = np.random.default_rng(1).permutation(len(train))
    nothing = dataclasses.replace(train, audio_index=train.audio_index[order])
    told: list[Epoch] = []
    fit(tmp_path, nothing, held, dataclasses.replace(RECIPE, epochs=200, patience=3)).run(told.append)

    ranks = [epoch.reciprocal_rank for epoch in told]
    best = max(number for number, rank in enumerate(ranks, start=1) if rank == max(ranks))
    assert [epoch.number for epoch in told] == list(range(1, best + 4))
    assert len(told) < 200
