import numpy as np
import torch
from torchvision.models import inception_v3

from video_extractor.stand_in import stand_in_weights


def test_torchvision_takes_the_weights_by_their_names() -> None:
    network = inception_v3(weights=None, init_weights=False)
    network.load_state_dict(stand_in_weights(0), strict=True)


def test_kernels_have_he_variance() -> None:
    for key, kernel in stand_in_weights(0).items():
        if key.endswith("conv.weight") and kernel.numel() > 50_000:
            assert np.isclose(kernel.var().item() * kernel[0].numel(), 2, rtol=0.05), key


def test_the_seed_decides_the_weights() -> None:
    one, again, other = (stand_in_weights(seed)["Mixed_7c.branch1x1.conv.weight"] for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
