from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made_up import CONFIG, bundle, random_codes
from tests.metric_reference import VA_METRIC2_SHAPES, VA_METRIC_SHAPES, reference_state_dict

from matcher_training.bundles.loading import load_embedder
from matcher_training.towers.config import MetricConfig
from matcher_training.towers.embedder import BATCH, window_spans
from needledrop.errors import FeatureError
from needledrop.features import dequantise


def test_windows_embed_naive_slices_of_the_track(tmp_path: Path) -> None:
    embedder = load_embedder(bundle(tmp_path))
    codes = random_codes(27, 128, seed=1)
    state = reference_state_dict(VA_METRIC2_SHAPES, "VAMetric2")
    weight, bias = state["fc.weight"].numpy(), state["fc.bias"].numpy()

    windows = embedder.windows(codes, hop_s=0.96)

    assert [window.start_s for window in windows] == pytest.approx([0.0, 4.8, 9.6, 14.4, 17 * 0.96])
    for window, start in zip(windows, [0, 5, 10, 15, 17], strict=True):
        wanted = dequantise(codes[start : start + 10]).max(axis=0) @ weight.T + bias
        np.testing.assert_allclose(window.vector, wanted, rtol=0, atol=1e-5)
        assert window.vector.shape == (embedder.dim,)
        assert window.vector.dtype == np.float32


def test_a_clip_is_embedded_up_to_its_first_ten_seconds(tmp_path: Path) -> None:
    embedder = load_embedder(bundle(tmp_path))
    codes = random_codes(30, 1024, seed=2)
    other_end = np.concatenate([codes[:10], random_codes(20, 1024, seed=3)])

    assert np.array_equal(embedder.clip(codes, hop_s=1.0), embedder.clip(other_end, hop_s=1.0))
    assert np.array_equal(embedder.clip(codes, hop_s=1.0), embedder.clip(codes[:10], hop_s=1.0))
    assert not np.array_equal(embedder.clip(codes, hop_s=1.0), embedder.clip(codes[:9], hop_s=1.0))
    assert not np.array_equal(embedder.clip(codes, hop_s=1.0), embedder.clip(codes, hop_s=2.0))


@pytest.mark.parametrize(
    ("kind", "name", "shapes"),
    [("va_metric", "VAMetric", VA_METRIC_SHAPES), ("va_metric2", "VAMetric2", VA_METRIC2_SHAPES)],
)
def test_the_distance_of_embeddings_is_the_metrics(
    tmp_path: Path, kind: str, name: str, shapes: dict[str, tuple[int, ...]]
) -> None:
    embedder = load_embedder(bundle(tmp_path, kind, reference_state_dict(shapes, name)))
    rng = np.random.default_rng(3)
    video = rng.integers(0, 256, (6, 120, 1024), dtype=np.uint8)
    audio = rng.integers(0, 256, (6, 120, 128), dtype=np.uint8)

    found = np.array(
        [
            [np.linalg.norm(embedder.clip(v, 10 / 120) - embedder.windows(a, 9.6 / 120)[0].vector) for a in audio]
            for v in video
        ]
    )

    with np.load(Path(__file__).parents[3] / "data" / "metric_expected.npz", allow_pickle=False) as expected:
        np.testing.assert_allclose(found, expected[f"{name}/distances"], rtol=0, atol=1e-4)


def test_a_long_track_is_embedded_in_batches_like_its_windows_one_by_one(tmp_path: Path) -> None:
    embedder = load_embedder(bundle(tmp_path, "va_metric", reference_state_dict(VA_METRIC_SHAPES, "VAMetric")))
    codes = random_codes(5 * BATCH + 20, 128, seed=4)

    windows = embedder.windows(codes, hop_s=0.96)

    assert len(windows) > BATCH
    for index in (0, BATCH - 1, BATCH, len(windows) - 1):
        start = round(windows[index].start_s / 0.96)
        alone = embedder.windows(codes[start : start + 10], hop_s=0.96)
        assert len(alone) == 1
        np.testing.assert_allclose(windows[index].vector, alone[0].vector, rtol=0, atol=1e-5)


@given(
    rows=st.integers(1, 400),
    hop_s=st.sampled_from([0.96, 1.0, 0.5]),
    window_s=st.floats(0.3, 40),
    window_hop_s=st.floats(0.1, 40),
)
def test_windows_are_equal_in_length_rise_in_time_and_reach_the_end(
    rows: int, hop_s: float, window_s: float, window_hop_s: float
) -> None:
    spans = window_spans(rows, hop_s, MetricConfig(window_s=window_s, window_hop_s=window_hop_s, max_s=1.0))

    starts = [start for start, _ in spans]
    assert starts[0] == 0
    assert spans[-1][1] == rows
    assert starts == sorted(set(starts))
    assert len({stop - start for start, stop in spans}) == 1
    assert spans[0][1] == min(rows, max(1, round(window_s / hop_s)))
    for start in starts[:-1]:
        nearest = round(start * hop_s / window_hop_s) * window_hop_s
        assert abs(start * hop_s - nearest) <= max(hop_s, window_hop_s) / 2 + 1e-9
    assert max(np.diff(starts), default=0) * hop_s <= window_hop_s + hop_s + 1e-9


@pytest.mark.parametrize("rows", [1, 9, 10])
def test_a_track_no_longer_than_a_window_is_one_window(rows: int) -> None:
    assert window_spans(rows, 0.96, MetricConfig.model_validate(CONFIG)) == [(0, rows)]


def test_codes_of_another_width_or_type_are_refused(tmp_path: Path) -> None:
    embedder = load_embedder(bundle(tmp_path))
    for codes in (random_codes(3, 64, 0), random_codes(3, 128, 0).astype(np.float32), random_codes(3, 128, 0)[:0]):
        with pytest.raises(FeatureError):
            embedder.windows(codes, 0.96)  # type: ignore[arg-type]
    with pytest.raises(FeatureError):
        embedder.clip(random_codes(3, 128, 0), 1.0)
