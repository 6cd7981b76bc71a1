"""What happens to decoded frames before the backbone sees them."""

from enum import StrEnum

import torch

FRAME_SIZE = 299
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Preprocessing(StrEnum):
    """The names a bundle uses.

    `seed` is what the reference does: values 0–1, not normalised, although the network (`transform_input=True`) undoes
    an ImageNet normalisation. `imagenet` normalises first, which is what torchvision's weights were trained on.
    """

    SEED = "seed"
    IMAGENET = "imagenet"


def to_input(frames: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """uint8 RGB [N, H, W, 3] to the network's float32 [N, 3, H, W], channels-last in memory, on the same device.

    Mean and deviation are those of torchvision's ImageNet weights.
    """
    values = frames.permute(0, 3, 1, 2).to(torch.float32) / 255.0
    if preprocessing is Preprocessing.SEED:
        return values
    mean = values.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = values.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)
    return (values - mean) / std
