"""The Inception of 2015: its golden numbers, its pools, and its state dict on disk."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import inception_v3

from needledrop.errors import BundleError
from tests.shared import require_shared
from tests.video_reference import EXPECTED, reference_frames
from video_extractor.inception import Inception
from video_extractor.preprocessing import Preprocessing, to_input
from video_extractor.weights import Network, StateDict, empty_network, read_state_dict

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backbone(weights_2015: StateDict) -> Inception:
    return Inception(weights_2015, Preprocessing.YT8M, CPU)


def ports_input(count: int) -> torch.Tensor:
    """What the port that answered the golden numbers feeds: `2x − 1` of values 0–1."""
    return torch.from_numpy(reference_frames(count)).permute(0, 3, 1, 2).float() / 255 * 2 - 1


def test_features_are_the_ports(backbone: Inception) -> None:
    expected = np.load(EXPECTED)["inception_2015_features"]
    found = backbone.pool_input(ports_input(len(expected)))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_every_frame_of_the_port_is_matched(backbone: Inception) -> None:
    expected = np.load(require_shared() / "reference" / "inception_expected.npz")["inception_2015_features"]
    np.testing.assert_allclose(backbone.pool_input(ports_input(12)), expected, rtol=1e-3, atol=1e-6)


def test_the_graphs_own_scaling_is_near_the_ports(backbone: Inception) -> None:
    expected = np.load(EXPECTED)["inception_2015_features"]
    found = backbone.pool(reference_frames(len(expected)))
    np.testing.assert_array_equal(
        found, backbone.pool_input(to_input(torch.from_numpy(reference_frames(2)), Preprocessing.YT8M))
    )
    assert 1e-4 < np.linalg.norm(found - expected) / np.linalg.norm(expected) < 1e-2


def test_torchvisions_own_blocks_would_give_other_numbers(weights_2015: StateDict) -> None:
    network = inception_v3(weights=None, init_weights=False, aux_logits=False, num_classes=1008)
    network.load_state_dict(weights_2015)
    network.fc = torch.nn.Identity()
    with torch.inference_mode():
        found = network.eval()(ports_input(1)).numpy()
    expected = np.load(EXPECTED)["inception_2015_features"][:1]
    assert np.linalg.norm(found - expected) > 0.01 * np.linalg.norm(expected)


def test_the_state_dict_has_the_names_and_shapes_of_the_published_file() -> None:
    wanted = empty_network(Network.INCEPTION_2015).state_dict()
    assert len(wanted) == 566
    assert wanted["fc.weight"].shape == (1008, 2048)
    assert not any(key.startswith("AuxLogits") for key in wanted)


def test_a_file_of_the_other_network_is_refused_by_name(weights_2015: StateDict, tmp_path: Path) -> None:
    light = {key: torch.zeros((), dtype=value.dtype).expand(value.shape) for key, value in weights_2015.items()}
    torch.save(light, tmp_path / "pt_inception-2015-12-05-6726825d.pth")
    assert read_state_dict(tmp_path / "pt_inception-2015-12-05-6726825d.pth", Network.INCEPTION_2015).keys()
    with pytest.raises(BundleError, match=r"pt_inception-2015-12-05-6726825d\.pth lacks AuxLogits"):
        read_state_dict(tmp_path / "pt_inception-2015-12-05-6726825d.pth", Network.INCEPTION_V3)
