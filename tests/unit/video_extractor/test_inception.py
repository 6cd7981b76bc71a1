from types import SimpleNamespace

import numpy as np
import pytest
import torch
from structlog.testing import capture_logs

from needledrop.errors import ErrorCode, NeedledropError
from tests.shared import require_shared
from tests.video_reference import EXPECTED, reference_frames, reference_pca
from video_extractor.inception import Inception, choose_device, fuses
from video_extractor.network import LEAST_FUSED
from video_extractor.preprocessing import Preprocessing
from video_extractor.settings import Precision
from video_extractor.weights import StateDict

CPU = torch.device("cpu")


def check_codes(found: np.ndarray, expected: np.ndarray) -> None:
    off = np.abs(found.astype(int) - expected.astype(int))
    assert (off == 0).mean() >= 0.99
    assert off.max() <= 1


def test_features_and_codes_are_the_references(backbone: Inception) -> None:
    expected = np.load(EXPECTED)
    pooled = backbone.pool(reference_frames(len(expected["seed_features"])))
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, expected["seed_features"], rtol=1e-3, atol=1e-6)
    check_codes(reference_pca().codes(pooled), expected["seed_vfeat"])


def test_features_normalised_as_imagenet_are_the_references(weights: StateDict) -> None:
    expected = np.load(EXPECTED)["imagenet_normalised_features"]
    pooled = Inception(weights, Preprocessing.IMAGENET, CPU).pool(reference_frames(len(expected)))
    np.testing.assert_allclose(pooled, expected, rtol=1e-3, atol=1e-6)


def test_every_frame_of_the_reference_is_matched(backbone: Inception) -> None:
    expected = np.load(require_shared() / "reference" / "inception_expected.npz")
    pooled = backbone.pool(reference_frames(12))
    np.testing.assert_allclose(pooled, expected["seed_features"], rtol=1e-3, atol=1e-6)
    check_codes(reference_pca().codes(pooled), expected["seed_vfeat"])


@pytest.mark.parametrize("batch", [1, 3])
def test_a_row_does_not_depend_on_the_size_of_its_batch(backbone: Inception, batch: int) -> None:
    frames = reference_frames(4)
    whole = backbone.pool(frames)
    parts = np.concatenate([backbone.pool(frames[start : start + batch]) for start in range(0, 4, batch)])
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-6)
    check_codes(reference_pca().codes(parts), reference_pca().codes(whole))


def test_bfloat16_keeps_each_row_within_its_tolerance(weights: StateDict) -> None:
    expected = np.load(EXPECTED)["seed_features"]
    found = Inception(weights, Preprocessing.SEED, CPU, Precision.BFLOAT16).pool(reference_frames(len(expected)))
    cosine = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosine.min() >= 0.999
    assert not np.array_equal(found, expected)


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
def test_fused_convolutions_change_no_row(
    weights: StateDict, monkeypatch: pytest.MonkeyPatch, precision: Precision
) -> None:
    if not fuses(CPU, precision):
        pytest.skip("no fused convolutions on this processor")
    frames = reference_frames(LEAST_FUSED)
    fused = Inception(weights, Preprocessing.SEED, CPU, precision).pool(frames)
    monkeypatch.setattr("video_extractor.inception.fuses", lambda device, precision: False)
    plain = Inception(weights, Preprocessing.SEED, CPU, precision).pool(frames)
    np.testing.assert_allclose(fused, plain, rtol=1e-4 if precision is Precision.FLOAT32 else 1e-2, atol=1e-6)


def test_bfloat16_is_not_fused_where_it_does_not_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx2": True})
    assert not fuses(CPU, Precision.BFLOAT16)


@pytest.mark.parametrize("operation", ["_convolution_pointwise", "_reorder_convolution_weight"])
def test_without_the_operations_nothing_is_fused(
    weights: StateDict, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    there = {"_convolution_pointwise", "_reorder_convolution_weight"} - {operation}
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace(**dict.fromkeys(there)))
    assert not fuses(CPU, Precision.FLOAT32)
    found = Inception(weights, Preprocessing.SEED, CPU).pool(reference_frames(LEAST_FUSED))
    np.testing.assert_allclose(found, np.load(EXPECTED)["seed_features"][:LEAST_FUSED], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("flags", "warned"),
    [
        (("avx2",), {"bfloat16", "float16"}),
        (("avx512_bf16",), {"float16"}),
        (("avx512_bf16", "avx512_fp16"), {"bfloat16", "float16"}),
        (("avx512_bf16", "avx512_fp16", "amx_bf16", "amx_fp16"), set()),
        (("bf16", "fp16_arith"), set()),
    ],
)
def test_a_precision_that_the_processor_is_slow_in_is_warned_of(
    weights: StateDict, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], warned: set[str]
) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: dict.fromkeys(flags, True))
    with capture_logs() as logs:
        for precision in Precision:
            Inception(weights, Preprocessing.SEED, CPU, precision)
    assert {entry["precision"] for entry in logs if entry["log_level"] == "warning"} == warned


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "cuda:x:y"])
def test_a_device_that_is_not_there_is_named_in_the_error(name: str) -> None:
    with pytest.raises(NeedledropError, match=name) as caught:
        choose_device(name)
    assert caught.value.code is ErrorCode.DEVICE_UNAVAILABLE
