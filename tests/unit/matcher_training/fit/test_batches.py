"""Batches of crops, and their mixtures."""

import numpy as np
import pytest
import torch
from tests import made_up

from matcher_training.data import Pairs, Sequences, floats
from matcher_training.fit import batches
from matcher_training.fit.batches import Batch, Mixture, Side, crops, draw_mixture, longest_s, mixup, parts


def uneven() -> Pairs:
    """Three pairs of 2, 5 and 9 rows, each row holding its own number."""
    lengths = np.array([2, 5, 9])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.arange(16, dtype=np.float32)[:, None].repeat(2, axis=1)
    side = Sequences(codes=rows, offsets=offsets, pair=np.arange(3), hop_s=1.0)
    return Pairs.join(side, side)


def test_a_crop_holds_the_sequence_from_its_start_and_masks_what_is_not_there() -> None:
    batch = crops(uneven(), 4.0, None)
    assert batch.video.mask is not None
    assert batch.video.mask.tolist() == [[True, True, False, False], [True] * 4, [True] * 4]
    assert batch.video.rows[2, :, 0].tolist() == [7, 8, 9, 10]


def test_both_sides_show_the_same_moment() -> None:
    rng = np.random.default_rng(0)
    starts = set()
    for _ in range(20):
        batch = crops(uneven(), 3.0, rng)
        assert torch.equal(batch.video.rows, batch.audio.rows)
        starts.add(float(batch.video.rows[2, 0, 0]))
    assert len(starts) > 3


def test_whole_sequences_have_no_mask_where_all_are_equally_long() -> None:
    pairs = made_up.pairs(3, video_dim=4, audio_dim=5)
    batch = crops(pairs, longest_s(pairs), None)
    assert batch.audio.mask is None
    assert batch.audio.rows.shape == (3, 10, 5)
    np.testing.assert_array_equal(batch.audio.rows[1].numpy(), floats(pairs.audio[1]))


def test_mixup_mixes_both_sides_alike() -> None:
    rows = torch.tensor([[[1.0]], [[5.0]], [[9.0]]])
    mask = torch.tensor([[True], [False], [False]])
    mixture = Mixture(torch.tensor([[0.75, 0.25], [0.5, 0.5], [1.0, 0.0]]), torch.tensor([[0, 1], [1, 0], [2, 1]]))
    mixed = mixup(Batch(Side(rows, mask), Side(-rows, None)), mixture)
    assert mixed.video.rows.flatten().tolist() == [1.0, 1.0, 0.0], "of two pairs the one that is there"
    assert mixed.audio.rows.flatten().tolist() == [-2.0, -3.0, -9.0]
    assert mixed.video.mask is not None
    assert mixed.video.mask.tolist() == [[True], [True], [False]]
    assert mixed.audio.mask is None


def test_what_has_ended_has_no_part_in_a_mixture_of_codes_either() -> None:
    lengths = np.array([1, 3])
    codes = np.array([[255], [100], [110], [120]], np.uint8)
    side = Sequences(codes=codes, offsets=np.array([0, 1, 4]), pair=np.arange(2), hop_s=1.0)
    batch = crops(Pairs.join(side, side), 3.0, None)
    mixed = mixup(batch, Mixture(torch.tensor([[0.6, 0.4], [0.6, 0.4]]), torch.tensor([[0, 1], [1, 0]])))
    values = torch.from_numpy(floats(codes)).flatten()
    assert lengths.max() == mixed.video.rows.shape[1]
    torch.testing.assert_close(mixed.video.rows[0, 1:, 0], values[2:])
    torch.testing.assert_close(mixed.video.rows[1, 1:, 0], values[2:])
    torch.testing.assert_close(mixed.video.rows[1, 0, 0], 0.6 * values[1] + 0.4 * values[0])


def test_whole_sequences_come_in_parts_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "ROWS", 12)
    lengths = np.array([3, 50, 1, 4, 4, 2, 3])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    side = Sequences(np.zeros((67, 2), np.uint8), offsets, np.arange(7), hop_s=1.0)
    found = [part.tolist() for part in parts(Pairs.join(side, side), 3)]
    assert found == [[2, 5, 0], [6, 3, 4], [1]], "three pairs at most, twelve rows at most, or one pair alone"


def test_sequences_of_one_length_keep_their_order() -> None:
    pairs = made_up.pairs(5, video_dim=4, audio_dim=5)
    assert [part.tolist() for part in parts(pairs, 2)] == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("members", [2, 3])
def test_a_pair_keeps_the_largest_share_of_its_mixture(members: int) -> None:
    mixture = draw_mixture(500, members, 1.0, np.random.default_rng(0))
    assert mixture.shares.shape == mixture.members.shape == (500, members)
    torch.testing.assert_close(mixture.shares.sum(dim=1), torch.ones(500))
    assert (mixture.shares[:, :1] >= mixture.shares).all()
    assert mixture.members[:, 0].tolist() == list(range(500))
    for column in mixture.members.T[1:]:
        assert sorted(column.tolist()) == list(range(500))
        assert column.tolist() != list(range(500))
    assert len(set(mixture.shares[:, 0].tolist())) > 400
