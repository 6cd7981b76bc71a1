"""Residual towers: what they give back, what a mask hides, and where positions stand in time."""

import pytest
import torch

from matcher_training.towers.residual import ResidualTower, positions
from matcher_training.towers.shapes import TowerShape

SHAPES = [
    TowerShape(width=16),
    TowerShape(width=16, pooling="gated"),
    TowerShape(width=16, layers=1, heads=2),
    TowerShape(width=16, layers=1, heads=2, pooling="gated"),
]


def tower(shape: TowerShape, hop_s: float = 1.0) -> ResidualTower:
    torch.manual_seed(0)
    return ResidualTower(shape, 6, 8, hop_s).eval()


@pytest.mark.parametrize("shape", SHAPES)
def test_embeddings_are_unit_vectors_whatever_the_length(shape: TowerShape) -> None:
    for rows in (1, 3, 40):
        embeddings = tower(shape)(torch.randn(5, rows, 6))
        assert embeddings.shape == (5, 8)
        torch.testing.assert_close(embeddings.norm(dim=-1), torch.ones(5))


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_behind_the_mask_change_nothing(shape: TowerShape) -> None:
    rows = torch.randn(4, 7, 6)
    mask = torch.arange(7)[None] < torch.tensor([7, 5, 3, 1])[:, None]
    masked = tower(shape)(rows, mask)
    for row, length in enumerate((7, 5, 3, 1)):
        torch.testing.assert_close(masked[row], tower(shape)(rows[row : row + 1, :length])[0])
    changed = torch.where(mask.unsqueeze(-1), rows, torch.full_like(rows, 9.0))
    torch.testing.assert_close(tower(shape)(changed, mask), masked)


def test_one_row_is_its_own_mean_under_either_pooling() -> None:
    rows = torch.randn(3, 1, 6)
    plain, gated = tower(SHAPES[0]), tower(SHAPES[1])
    gated.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(plain(rows), gated(rows))


def test_positions_are_those_of_the_rows_middles_in_seconds() -> None:
    fine, coarse = positions(30, 8, hop_s=0.5), positions(10, 8, hop_s=1.5)
    torch.testing.assert_close(coarse, fine[1::3])
    assert not torch.allclose(fine[0], fine[1])


def test_a_transformer_hears_the_order_of_rows_and_a_mean_does_not() -> None:
    rows = torch.randn(2, 9, 6)
    assert torch.allclose(tower(SHAPES[0])(rows), tower(SHAPES[0])(rows.flip(1)), atol=1e-5)
    assert not torch.allclose(tower(SHAPES[2])(rows), tower(SHAPES[2])(rows.flip(1)), atol=1e-5)


def test_centre_and_scale_take_features_of_any_size() -> None:
    rows = torch.randn(3, 2, 6)
    plain, moved = tower(SHAPES[0]), tower(SHAPES[0])
    moved.centre.fill_(100.0)
    moved.scale.fill_(50.0)
    torch.testing.assert_close(moved(rows * 50 + 100), plain(rows), rtol=1e-4, atol=1e-5)


def test_a_width_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of its heads"):
        TowerShape(width=10, layers=1, heads=4)
