"""Members joined end to end."""

import torch

from matcher_training.towers.joined import JoinedMetric, reduction
from matcher_training.towers.shapes import HubShape, KernelShape, MetricShape, ResidualShape, TowerShape

TOWER = TowerShape(width=8)
MEMBERS = (
    ResidualShape(dim=5, video=TOWER, audio=TOWER, weight=3.0),
    ResidualShape(dim=7, video=TOWER, audio=TOWER),
)


def test_the_similarity_is_the_weighted_mean_of_the_members() -> None:
    torch.manual_seed(0)
    metric = JoinedMetric(MetricShape(members=MEMBERS), (4, 3), (1.0, 1.0)).eval()
    video, audio = torch.randn(6, 2, 4), torch.randn(6, 3, 3)
    first, second = (member.video(video) @ member.audio(audio).T for member in metric.towers())
    torch.testing.assert_close(metric.video(video) @ metric.audio(audio).T, (3 * first + second) / 4)
    assert metric.dim == 12


def test_kernel_members_and_hub_correction_fit_in() -> None:
    shape = MetricShape(
        members=(*MEMBERS, KernelShape(dim=2, features=6)), hubs=HubShape(bank=3, beta=5.0, strength=0.5)
    )
    metric = JoinedMetric(shape, (4, 3), (1.0, 0.96)).eval()
    for tower in metric.towers():
        for buffer in tower.buffers():
            buffer.copy_(torch.rand(buffer.shape) + 0.1)
    embeddings = metric.video(torch.randn(6, 2, 4))
    assert embeddings.shape == (6, metric.dim) == (6, 5 + 7 + 2 + 4)
    torch.testing.assert_close(embeddings.norm(dim=-1), torch.ones(6))


def test_a_shape_reads_back_from_json() -> None:
    shape = MetricShape(
        members=(*MEMBERS, KernelShape(dim=2, features=6)), hubs=HubShape(bank=3, beta=5.0, strength=0.5)
    )
    assert MetricShape.model_validate_json(shape.model_dump_json()) == shape


def test_a_reduction_keeps_similarities_where_members_say_the_same_in_turned_spaces() -> None:
    generator = torch.Generator().manual_seed(0)
    one = torch.nn.functional.normalize(torch.randn(50, 4, generator=generator), dim=-1)
    other = torch.nn.functional.normalize(torch.randn(40, 4, generator=generator), dim=-1)
    turn = torch.linalg.qr(torch.randn(4, 4, generator=generator))[0]
    video, audio = (torch.cat([side, side @ turn], dim=-1) / 2**0.5 for side in (one, other))

    projection = reduction(video, audio, 4)
    torch.testing.assert_close((video @ projection) @ (audio @ projection).T, one @ other.T, atol=1e-5, rtol=0)
    fewer = reduction(video, audio, 2)
    assert not torch.allclose((video @ fewer) @ (audio @ fewer).T, one @ other.T, atol=1e-2)


def test_a_reduced_metric_has_unit_embeddings_with_and_without_hub_correction() -> None:
    for hubs, dim in ((None, 6), (HubShape(bank=3, beta=5.0, strength=0.5), 10)):
        metric = JoinedMetric(MetricShape(members=MEMBERS, reduced=6, hubs=hubs), (4, 3), (1.0, 1.0)).eval()
        assert metric.projection is not None
        metric.projection.copy_(torch.linalg.qr(torch.randn(12, 12))[0][:, :6])
        embeddings = metric.audio(torch.randn(5, 2, 3))
        assert embeddings.shape == (5, metric.dim) == (5, dim)
        torch.testing.assert_close(embeddings.norm(dim=-1), torch.ones(5))
