import math

import numpy as np
import pytest
import torch

from matcher_training.fit.losses import contrastive_loss, distance_matrix, info_nce


def test_distance_matrix_is_the_root_of_summed_squares() -> None:
    rng = np.random.default_rng(0)
    video, audio = rng.standard_normal((4, 5)), rng.standard_normal((3, 5))

    found = distance_matrix(torch.from_numpy(video), torch.from_numpy(audio))

    wanted = [[math.sqrt(sum((a - b) ** 2 for a, b in zip(v, w, strict=True))) for w in audio] for v in video]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-12)


def test_distances_between_near_vectors_keep_their_digits() -> None:
    base = torch.full((30, 8), 100.0)
    near = base.clone()
    near[:, 0] += 0.0009765625

    assert torch.allclose(distance_matrix(base, near), torch.full((30, 30), 0.0009765625), rtol=1e-6, atol=0)


@pytest.mark.parametrize("margin", [1.0, 0.4])
def test_contrastive_loss_agrees_with_a_plain_loop(margin: float) -> None:
    distances = [0.0, 0.2, 0.7, 1.0, 1.5, 0.3]
    different = [0, 1, 1, 0, 1, 1]

    found = contrastive_loss(torch.tensor(distances), torch.tensor(different), margin)

    total = 0.0
    for distance, apart in zip(distances, different, strict=True):
        total += max(0.0, margin - distance) ** 2 if apart else distance**2
    assert found.item() == pytest.approx(total / len(distances), rel=1e-6)


def test_contrastive_loss_takes_booleans_and_pulls_only_what_is_inside_the_margin() -> None:
    distances = torch.tensor([0.5, 0.5, 2.0], requires_grad=True)

    contrastive_loss(distances, torch.tensor([False, True, True])).backward()  # type: ignore[no-untyped-call]

    assert distances.grad is not None
    assert [math.copysign(1, g) if g else 0 for g in distances.grad.tolist()] == [1, -1, 0]


def softmax(row: list[float]) -> list[float]:
    total = sum(math.exp(value) for value in row)
    return [math.exp(value) / total for value in row]


def test_info_nce_agrees_with_a_plain_loop_over_rows_and_columns() -> None:
    scores = [[2.0, 0.5, -1.0], [0.1, 1.5, 0.3], [0.7, -0.2, 0.9]]

    total = 0.0
    for i in range(3):
        total -= math.log(softmax(scores[i])[i])
        total -= math.log(softmax([row[i] for row in scores])[i])
    assert info_nce(torch.tensor(scores)).item() == pytest.approx(total / 6, rel=1e-6)


def test_soft_targets_are_another_models_softmax_in_each_direction() -> None:
    scores = [[2.0, 0.5, -1.0], [0.1, 1.5, 0.3], [0.7, -0.2, 0.9]]
    targets = [[3.0, 2.5, 0.0], [2.5, 3.0, 0.0], [0.0, 0.0, 4.0]]

    total = 0.0
    for i in range(3):
        column, wanted = [row[i] for row in scores], [row[i] for row in targets]
        for found, aim in ((softmax(scores[i]), softmax(targets[i])), (softmax(column), softmax(wanted))):
            total -= sum(share * math.log(value) for share, value in zip(aim, found, strict=True))
    assert info_nce(torch.tensor(scores), torch.tensor(targets)).item() == pytest.approx(total / 6, rel=1e-6)
