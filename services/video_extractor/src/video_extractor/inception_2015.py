"""The Inception of TensorFlow's 2015 graph (`inception-2015-12-05`), on torchvision's modules and weight names.

It is the network of YouTube-8M's pictures. mseitzer/pytorch-fid ported its weights, and found how it differs from
torchvision's Inception v3: 1,008 classes, average pools that leave padding out, and a max pool in the last block.
"""

import torch
import torchvision
from torch.nn import functional
from torchvision.models.inception import InceptionA, InceptionC, InceptionE

CLASSES = 1008


def inception_2015() -> torch.nn.Module:
    """The network as its state dict wants it, weights not set: float32 [N, 3, H, W] of values −1…1 to [N, 1008]."""
    network: torch.nn.Module = torchvision.models.inception_v3(
        weights=None, init_weights=False, aux_logits=False, transform_input=False, num_classes=CLASSES
    )
    network.Mixed_5b = _BlockA(192, pool_features=32)
    network.Mixed_5c = _BlockA(256, pool_features=64)
    network.Mixed_5d = _BlockA(288, pool_features=64)
    network.Mixed_6b = _BlockC(768, channels_7x7=128)
    network.Mixed_6c = _BlockC(768, channels_7x7=160)
    network.Mixed_6d = _BlockC(768, channels_7x7=160)
    network.Mixed_6e = _BlockC(768, channels_7x7=192)
    network.Mixed_7b = _BlockE(1280)
    network.Mixed_7c = _LastBlock(2048)
    return network


class _BlockA(InceptionA):  # type: ignore[misc]
    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [
            self.branch1x1(x),
            self.branch5x5_2(self.branch5x5_1(x)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            self.branch_pool(_average(x)),
        ]


class _BlockC(InceptionC):  # type: ignore[misc]
    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        double = self.branch7x7dbl_2(self.branch7x7dbl_1(x))
        return [
            self.branch1x1(x),
            self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
            self.branch7x7dbl_5(self.branch7x7dbl_4(self.branch7x7dbl_3(double))),
            self.branch_pool(_average(x)),
        ]


class _BlockE(InceptionE):  # type: ignore[misc]
    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return [
            self.branch1x1(x),
            torch.cat([self.branch3x3_2a(single), self.branch3x3_2b(single)], 1),
            torch.cat([self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)], 1),
            self.branch_pool(self._pool(x)),
        ]

    def _pool(self, x: torch.Tensor) -> torch.Tensor:
        return _average(x)


class _LastBlock(_BlockE):
    def _pool(self, x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool2d(x, kernel_size=3, stride=1, padding=1)


def _average(x: torch.Tensor) -> torch.Tensor:
    """TensorFlow's average pool: at the border, the mean of what lies inside."""
    return functional.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)
