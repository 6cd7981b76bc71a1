"""Hub correction as an inner product of unit vectors."""

import math

import torch
from torch import nn

from matcher_training.towers.hub_correction import HubCorrection
from matcher_training.towers.shapes import HubShape

BETA, STRENGTH = 8.0, 0.5


def unit(count: int, seed: int) -> torch.Tensor:
    return nn.functional.normalize(torch.randn(count, 5, generator=torch.Generator().manual_seed(seed)), dim=-1)


def correction() -> HubCorrection:
    hubs = HubCorrection(HubShape(bank=7, beta=BETA, strength=STRENGTH), 5)
    hubs.video_bank.copy_(unit(7, 1))
    hubs.audio_bank.copy_(unit(7, 2))
    return hubs


def affinity(item: torch.Tensor, bank: torch.Tensor) -> float:
    """The soft maximum, by a plain loop."""
    total = sum(math.exp(BETA * sum(float(a) * float(b) for a, b in zip(item, row, strict=True))) for row in bank)
    return STRENGTH * math.log(total / len(bank)) / BETA


def test_similarities_are_lowered_by_both_items_affinities_to_their_banks() -> None:
    hubs, video, audio = correction(), unit(4, 3), unit(6, 4)
    found = 4 * hubs.video(video) @ hubs.audio(audio).T
    for i in range(4):
        for j in range(6):
            wanted = float(video[i] @ audio[j]) - affinity(video[i], hubs.audio_bank)
            wanted -= affinity(audio[j], hubs.video_bank)
            assert math.isclose(float(found[i, j]), wanted, abs_tol=1e-5)


def test_embeddings_stay_unit_vectors_so_that_distance_ranks_as_similarity_does() -> None:
    hubs, video, audio = correction(), unit(4, 3), unit(6, 4)
    left, right = hubs.video(video), hubs.audio(audio)
    torch.testing.assert_close(left.norm(dim=-1), torch.ones(4))
    torch.testing.assert_close(right.norm(dim=-1), torch.ones(6))
    assert torch.equal(torch.cdist(left, right).argsort(dim=1), (left @ right.T).argsort(dim=1, descending=True))


def test_an_item_that_is_near_to_every_query_is_pushed_back() -> None:
    hubs = correction()
    hub = nn.functional.normalize(hubs.video_bank.mean(dim=0, keepdim=True), dim=-1)
    other = -hub
    before = float(hub @ hub.T) - float(hub @ other.T)
    after = 4 * float(hubs.video(hub) @ hubs.audio(hub).T) - 4 * float(hubs.video(hub) @ hubs.audio(other).T)
    assert after < before
