"""Neighbours among training pairs, against plain loops, and as a teacher of mixtures of those same pairs."""

from math import exp, sqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from tests.unit.matcher_training import made_up

from matcher_training.batches import Batch, crops, longest_s
from matcher_training.joined_fit import NearPairs, joined, joined_scores
from matcher_training.neighbours import Neighbours
from matcher_training.ranks import embed_pairs
from matcher_training.recipes import ResidualRecipe
from matcher_training.residual import ResidualTowers
from matcher_training.residual_fit import ResidualFit
from matcher_training.shapes import ResidualShape, TowerShape

TOWER = TowerShape(width=16)
SHAPE = ResidualShape(dim=8, video=TOWER, audio=TOWER)
BETA = 6.0


def units(count: int, dim: int, seed: int) -> torch.Tensor:
    rows = torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(rows, dim=-1)


def weights(item: npt.NDArray[np.float32], bank: npt.NDArray[np.float32], nearest: int, own: set[int]) -> list[float]:
    similar = {number: float(item @ other) for number, other in enumerate(bank) if number not in own}
    chosen = sorted(similar, key=lambda number: -similar[number])[:nearest]
    total = sum(exp(BETA * similar[number]) for number in chosen)
    return [exp(BETA * similar[number]) / total if number in chosen else 0.0 for number in range(len(bank))]


@pytest.mark.parametrize("nearest", [1, 3, 11, 500])
@pytest.mark.parametrize("made_of", [None, [[0, 3], [-1, -1], [5, -1], [10, 10]]])
def test_similarities_agree_with_a_plain_loop(nearest: int, made_of: list[list[int]] | None) -> None:
    video, audio, clips, sounds = units(11, 6, 0), units(11, 6, 1), units(4, 6, 2), units(4, 6, 3)
    own = None if made_of is None else torch.tensor(made_of)
    found = Neighbours(video, audio, nearest, BETA).similarities(clips, sounds, own)
    for row in range(4):
        for column in range(4):
            left, right = (
                weights(side[at].numpy(), bank.numpy(), nearest, set(made_of[at]) if made_of else set())
                for side, bank, at in ((clips, video, row), (sounds, audio, column))
            )
            wanted = sum(sqrt(one * other) for one, other in zip(left, right, strict=True))
            assert found[row, column].item() == pytest.approx(wanted, abs=1e-5)


def test_a_training_pair_is_no_witness_for_itself() -> None:
    """Each item is nearest to itself: without `own` every pair of the bank would know its other side for certain."""
    video, audio = units(40, 16, 0), units(40, 16, 1)
    near = Neighbours(video, audio, 1, 20.0)
    assert torch.equal(near.similarities(video, audio), torch.eye(40))
    assert near.similarities(video, audio, torch.arange(40)[:, None]).diagonal().sum() == 0


def test_a_teacher_with_neighbours_says_the_weighted_mean_and_leaves_out_what_a_batch_is_made_of() -> None:
    pairs = made_up.pairs(30, video_dim=8, audio_dim=6)
    torch.manual_seed(0)
    nets = [ResidualTowers(SHAPE, (8, 6), (1.0, 0.96)).eval() for _ in range(2)]
    (video, audio), (other_video, other_audio) = (embed_pairs(net, pairs) for net in nets)
    projection = torch.linalg.qr(torch.randn(16, 5))[0]
    bank_video = joined([video, other_video])[:20] @ projection
    bank_audio = joined([audio, other_audio])[:20] @ projection
    places = torch.where(torch.arange(30) < 20, torch.arange(30), -1)
    near = NearPairs(Neighbours(bank_video, bank_audio, 4, BETA), projection, places, 0.5)
    batch = crops(pairs, longest_s(pairs), None)
    batch = Batch(batch.video, batch.audio, torch.arange(30)[:, None])
    with torch.inference_mode():
        found = joined_scores([(nets[0], 10.0), (nets[1], 14.0)], None, near)(batch)
    overlap = Neighbours(bank_video, bank_audio, 4, BETA).similarities(
        joined([video, other_video]) @ projection, joined([audio, other_audio]) @ projection, places[:, None]
    )
    wanted = 12.0 * (video @ audio.T + other_video @ other_audio.T + 0.5 * overlap) / 2.5
    # bfloat16, where the processor has it, moves a neighbour in or out here and there.
    close = (found - wanted).abs() < 0.3
    assert close.float().mean() > 0.9
    without = 12.0 * (video @ audio.T + other_video @ other_audio.T) / 2.5
    assert (found - without).abs().mean() > 4 * (found - wanted).abs().mean()


def test_a_teacher_is_told_which_pairs_each_mixture_is_made_of(tmp_path: Path) -> None:
    pairs = made_up.pairs(40, video_dim=8, audio_dim=6)
    train, held = pairs.take(np.arange(32)), pairs.take(np.arange(32, 40))
    rows = crops(train, longest_s(train), None).video.rows
    seen: list[Batch] = []

    def teacher(batch: Batch) -> torch.Tensor:
        seen.append(batch)
        return torch.zeros(len(batch), len(batch))

    recipe = ResidualRecipe(shape=SHAPE, epochs=1, batch=16, crop_s=(60.0, 60.0))
    ResidualFit(recipe, train, held, (1.0, 0.96), 0, tmp_path / "checkpoint", teacher, 0.5).run(lambda epoch: None)
    assert len(seen) == 2
    first = [batch.sources[:, 0] for batch in seen if batch.sources is not None]
    assert torch.cat(first).sort().values.tolist() == list(range(32))
    for batch in seen:
        assert batch.sources is not None
        assert batch.sources.shape == (16, 2)
        one, other = rows[batch.sources[:, 0]], rows[batch.sources[:, 1]]
        share = ((batch.video.rows - other) * (one - other)).sum((1, 2)) / (one - other).square().sum((1, 2))
        apart = batch.sources[:, 0] != batch.sources[:, 1]
        mixed = share[:, None, None] * one + (1 - share[:, None, None]) * other
        torch.testing.assert_close(batch.video.rows[apart], mixed[apart], atol=1e-5, rtol=1e-4)
