import numpy as np
import torch
from torchvision.transforms.v2.functional import normalize

from video_extractor.preprocessing import Preprocessing, to_input

FRAMES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), dtype=np.uint8))


def test_seed_values_run_from_0_to_1_with_the_channel_first() -> None:
    values = to_input(FRAMES, Preprocessing.SEED)
    assert values.dtype == torch.float32
    assert values.shape == (2, 3, 5, 4)
    for n, y, x, c in np.ndindex(2, 5, 4, 3):
        assert abs(values[n, c, y, x].item() - FRAMES[n, y, x, c].item() / 255) < 1e-7


def test_imagenet_values_are_normalised_as_torchvision_does() -> None:
    expected = normalize(FRAMES.permute(0, 3, 1, 2) / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(to_input(FRAMES, Preprocessing.IMAGENET), expected)


def test_yt8m_values_are_those_of_the_graphs_sub_and_mul() -> None:
    values = to_input(FRAMES, Preprocessing.YT8M)
    for n, y, x, c in np.ndindex(2, 5, 4, 3):
        assert values[n, c, y, x].item() == (FRAMES[n, y, x, c].item() - 128) * 0.0078125


def test_the_network_gets_memory_in_the_order_it_is_fast_with() -> None:
    for preprocessing in Preprocessing:
        assert to_input(FRAMES, preprocessing).is_contiguous(memory_format=torch.channels_last)
