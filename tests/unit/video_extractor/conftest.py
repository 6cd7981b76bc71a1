"""Inception v3 with the reference's stand-in weights, made once, and a whole video side of a bundle on disk."""

import pytest
import torch

from needledrop.bundle import Bundle, FileRef, Manifest, SidePart, write_manifest
from tests.video_reference import reference_pca, reference_weights
from video_extractor.inception import Inception
from video_extractor.preprocessing import Preprocessing
from video_extractor.weights import Network, StateDict


@pytest.fixture(scope="session", autouse=True)
def two_threads() -> None:
    torch.set_num_threads(min(2, torch.get_num_threads()))


@pytest.fixture(scope="session")
def weights() -> StateDict:
    return reference_weights()


@pytest.fixture(scope="session")
def weights_2015() -> StateDict:
    return reference_weights(Network.INCEPTION_2015)


@pytest.fixture(scope="session")
def backbone(weights: StateDict) -> Inception:
    return Inception(weights, Preprocessing.SEED, torch.device("cpu"))


@pytest.fixture(scope="session")
def bundle(weights: StateDict, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    root = tmp_path_factory.mktemp("bundle")
    torch.save(weights, root / "inception_v3.pth")
    reference_pca().save(root / "video_pca.npz")
    side = SidePart(
        backbone="inception_v3",
        files=(FileRef.of(root, "inception_v3.pth"),),
        pca=FileRef.of(root, "video_pca.npz"),
        preprocessing="seed",
        hop_s=1.0,
        dim=1024,
    )
    write_manifest(root, Manifest(name="stand-in", untrained_backbones=True, video=side))
    return Bundle.load(root)
