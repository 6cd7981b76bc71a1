from pathlib import Path
from typing import Any

import pytest
import torch
from tests.made_up import CONFIG, bundle

from matcher_training.bundles.loading import load_embedder
from needledrop.bundle import Bundle, write_manifest
from needledrop.errors import BundleError, ErrorCode, FeatureError


def test_a_flipped_bit_in_the_weights_is_refused(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    load_embedder(made)
    weights = tmp_path / "metric.safetensors"
    altered = bytearray(weights.read_bytes())
    altered[-1] ^= 1
    weights.write_bytes(altered)

    with pytest.raises(BundleError) as caught:
        load_embedder(made)
    assert caught.value.code is ErrorCode.BUNDLE_INVALID


def test_a_metric_of_another_feature_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeatureError) as caught:
        load_embedder(bundle(tmp_path, audio_space="audio-0123456789ab"))
    assert caught.value.code is ErrorCode.SPACE_MISMATCH


def test_a_pickle_with_a_fitting_hash_is_refused(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(96, 128)}, tmp_path / "pickle")
    with pytest.raises(BundleError):
        load_embedder(bundle(tmp_path, weights=(tmp_path / "pickle").read_bytes()))


@pytest.mark.parametrize(
    "config",
    [{}, CONFIG | {"window_s": 0.0}, CONFIG | {"max_s": "long"}, CONFIG | {"unknown": 1}],
)
def test_a_metric_with_a_malformed_configuration_is_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    manifest = bundle(tmp_path).manifest
    assert manifest.metric
    metric = manifest.metric.model_copy(update={"config": config})
    write_manifest(tmp_path, manifest.model_copy(update={"metric": metric}))

    with pytest.raises(BundleError):
        load_embedder(Bundle.load(tmp_path))


def test_an_unknown_kind_of_metric_and_a_bundle_without_one_are_refused(tmp_path: Path) -> None:
    made = bundle(tmp_path, kind="from_the_future")
    with pytest.raises(BundleError):
        load_embedder(made)

    write_manifest(tmp_path, made.manifest.model_copy(update={"metric": None}))
    with pytest.raises(BundleError):
        load_embedder(Bundle.load(tmp_path))
