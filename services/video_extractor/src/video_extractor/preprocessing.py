"""What happens to decoded frames before the backbone sees them."""

from enum import StrEnum

import torch

from video_extractor.weights import Network

FRAME_SIZE = 299
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Preprocessing(StrEnum):
    """The names a bundle uses.

    `seed` is what the reference does: values 0–1, not normalised, although the network (`transform_input=True`) undoes
    an ImageNet normalisation. `imagenet` normalises first, which is what torchvision's weights were trained on.
    `yt8m` is what the graph of 2015 does to its input (nodes `Sub` and `Mul`): `(x − 128) / 128` of values 0–255.
    """

    SEED = "seed"
    IMAGENET = "imagenet"
    YT8M = "yt8m"

    @property
    def network(self) -> Network:
        """The backbone that takes frames prepared like this."""
        return Network.INCEPTION_2015 if self is Preprocessing.YT8M else Network.INCEPTION_V3


def to_input(frames: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """uint8 RGB [N, H, W, 3] to the network's float32 [N, 3, H, W], channels-last in memory, on the same device.

    Mean and deviation are those of torchvision's ImageNet weights.
    """
    values = frames.permute(0, 3, 1, 2).to(torch.float32)
    if preprocessing is Preprocessing.YT8M:
        return (values - 128.0) / 128.0
    values = values / 255.0
    if preprocessing is Preprocessing.SEED:
        return values
    mean = values.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = values.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)
    return (values - mean) / std
