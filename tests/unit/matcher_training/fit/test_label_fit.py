"""Label towers: what they learn, and that both sides of them speak of the same labels."""

import dataclasses

import numpy as np
import pytest
import torch
from tests import made_up

from matcher_training.data import Labels, Pairs
from matcher_training.fit.batches import crops, longest_s
from matcher_training.fit.held_out_rank import embed_pairs
from matcher_training.fit.joined_fit import joined_scores
from matcher_training.fit.label_fit import common_labels, fit_labels
from matcher_training.fit.recipes import LabelRecipe
from matcher_training.towers.label import LabelTowers
from matcher_training.towers.residual import ResidualTowers
from matcher_training.towers.shapes import ResidualShape, TowerShape

TOWER = TowerShape(width=32)
RECIPE = LabelRecipe((TOWER, TOWER), epochs=30, batch=64, learning_rate=5e-3, least=10, mixup=0.2)
KINDS = 4


def labelled(count: int = 320) -> Pairs:
    """Pairs of four kinds, 10, 20, 30 and 40, each with its own place on both sides; three also have the label 7."""
    pairs = made_up.pairs(count, video_dim=8, audio_dim=6)
    rng = np.random.default_rng(3)
    kinds = np.arange(count) % KINDS
    sides = []
    for side in (pairs.video, pairs.audio):
        dim = side.codes.shape[1]
        places = rng.normal(size=(KINDS, dim)) * 2
        lengths = np.diff(side.offsets)
        rows = places[np.repeat(kinds[side.pair], lengths)] + rng.normal(size=(int(lengths.sum()), dim))
        sides.append(dataclasses.replace(side, codes=rows.astype(np.float32)))
    ids = [[10 * (int(kind) + 1), *([7] if number < 3 else [])] for number, kind in enumerate(kinds)]
    return dataclasses.replace(pairs, video=sides[0], audio=sides[1], labels=Labels.of(ids))


@pytest.fixture(scope="module")
def towers() -> LabelTowers:
    return fit_labels(RECIPE, labelled().take(np.arange(240)), (1.0, 0.96), seed=0)


def test_labels_that_few_pairs_have_are_left_out() -> None:
    labels = labelled().labels
    assert labels is not None
    assert common_labels(labels, 4).tolist() == [10, 20, 30, 40]
    assert common_labels(labels, 3).tolist() == [7, 10, 20, 30, 40]


def test_both_sides_learn_the_labels_of_what_they_have_not_seen(towers: LabelTowers) -> None:
    unseen = labelled().take(np.arange(240, 320))
    batch = crops(unseen, longest_s(unseen), None)
    wanted = torch.arange(240, 320) % KINDS
    for tower, side in ((towers.video, batch.video), (towers.audio, batch.audio)):
        logits = tower.logits(side.rows, side.mask)
        assert logits.shape == (80, KINDS)
        assert (logits.argmax(dim=1) == wanted).float().mean() > 0.9


def test_what_is_of_one_kind_is_near_whether_or_not_it_came_together(towers: LabelTowers) -> None:
    unseen = labelled().take(np.arange(240, 320))
    video, audio = embed_pairs(towers, unseen)
    torch.testing.assert_close(video.norm(dim=1), torch.ones(80))
    kinds = torch.arange(240, 320) % KINDS
    alike = kinds[:, None] == kinds[None]
    similarity = video @ audio.T
    assert similarity[alike].mean() > 0.7
    assert similarity[~alike].mean() < 0.1


def test_priors_are_the_shares_of_the_training_pairs(towers: LabelTowers) -> None:
    torch.testing.assert_close(towers.audio.prior, torch.full((KINDS,), 0.25))
    assert torch.equal(towers.audio.prior, towers.video.prior)


def test_the_same_seed_gives_the_same_towers_and_leaves_the_global_generator_alone() -> None:
    recipe = dataclasses.replace(RECIPE, epochs=2)
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    one, other = (fit_labels(recipe, labelled(), (1.0, 0.96), seed=5) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], tensor)


def test_a_teacher_with_labels_says_the_weighted_mean(towers: LabelTowers) -> None:
    pairs = labelled().take(np.arange(20))
    batch = crops(pairs, longest_s(pairs), None)
    torch.manual_seed(0)
    net = ResidualTowers(ResidualShape(dim=8, video=TOWER, audio=TOWER), (8, 6), (1.0, 0.96)).eval()

    def similarity(each: ResidualTowers | LabelTowers) -> torch.Tensor:
        video, audio = embed_pairs(each, pairs)
        return video @ audio.T

    wanted = 12.0 * (similarity(net) + 0.5 * similarity(towers)) / 1.5
    with torch.inference_mode():
        found = joined_scores([(net, 12.0)], (towers, 0.5))(batch)
    # bfloat16, where the processor has it.
    torch.testing.assert_close(found, wanted, atol=0.2, rtol=0.05)
    assert not torch.allclose(found, 12.0 * similarity(net), atol=0.5)
