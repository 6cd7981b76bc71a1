from pathlib import Path

import numpy as np
import pytest
import torch
from tests.metric_reference import VA_METRIC2_SHAPES, VA_METRIC_SHAPES, reference_state_dict

from matcher_training.fit.losses import distance_matrix
from matcher_training.towers.reference import LastOutput, make_reference
from needledrop.features import dequantise
from needledrop.metric_kind import MetricKind

EXPECTED = Path(__file__).parents[3] / "data" / "metric_expected.npz"
CASES = [
    (MetricKind.VA_METRIC, "VAMetric", VA_METRIC_SHAPES),
    (MetricKind.VA_METRIC2, "VAMetric2", VA_METRIC2_SHAPES),
]


@pytest.mark.parametrize(("kind", "name", "shapes"), CASES)
def test_distances_are_those_of_the_reference(kind: MetricKind, name: str, shapes: dict[str, tuple[int, ...]]) -> None:
    metric = make_reference(kind)
    metric.load_state_dict(reference_state_dict(shapes, name), strict=True)
    rng = np.random.default_rng(3)
    video = torch.from_numpy(dequantise(rng.integers(0, 256, (6, 120, 1024), dtype=np.uint8)))
    audio = torch.from_numpy(dequantise(rng.integers(0, 256, (6, 120, 128), dtype=np.uint8)))

    with torch.inference_mode():
        distances = distance_matrix(metric.video(video), metric.audio(audio))
        pairwise = metric(video, audio)

    with np.load(EXPECTED, allow_pickle=False) as expected:
        wanted = expected[f"{name}/distances"]
    np.testing.assert_allclose(distances.numpy(), wanted, rtol=0, atol=1e-4)
    np.testing.assert_allclose(pairwise.numpy(), np.diagonal(wanted), rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", [MetricKind.VA_METRIC, MetricKind.VA_METRIC2])
def test_other_feature_dimensions_and_lengths_are_taken(kind: MetricKind) -> None:
    metric = make_reference(kind, video_dim=40, audio_dim=16)

    assert metric.video(torch.randn(3, 1, 40)).shape == (3, metric.dim)
    assert metric.audio(torch.randn(3, 7, 16)).shape == (3, metric.dim)
    assert metric(torch.randn(3, 1, 40), torch.randn(3, 7, 16)).shape == (3,)


def test_va_metric_reads_the_order_of_rows_and_va_metric2_does_not() -> None:
    features = torch.randn(2, 9, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for kind, same in ((MetricKind.VA_METRIC, False), (MetricKind.VA_METRIC2, True)):
            metric = make_reference(kind)
            assert torch.allclose(metric.audio(features), metric.audio(features.flip(1)), atol=1e-6) is same


def test_a_single_row_gives_what_the_lstm_gives_in_outputs_and_gradients() -> None:
    torch.manual_seed(0)
    pool = LastOutput(12, 6)
    rows = torch.randn(5, 1, 12)
    wanted = pool.rnn(rows)[0][:, -1]
    wanted.square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in pool.named_parameters()}
    pool.zero_grad()

    found = pool(rows)
    found.square().sum().backward()

    torch.testing.assert_close(found, wanted)
    assert len(gradients) == 8
    for name, parameter in pool.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name])
