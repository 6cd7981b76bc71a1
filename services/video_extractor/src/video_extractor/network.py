"""Both Inception networks up to the global average pool, their weights named as torchvision names them.

Architecture: Szegedy et al. 2016 (arXiv 1512.00567), as torchvision builds it; the one of TensorFlow's 2015 graph, the
network of YouTube-8M's pictures, as mseitzer/pytorch-fid found it to differ: 1,008 classes, average pools that leave
padding out, a max pool in the last block. Importing torchvision takes longer than importing PyTorch, and holds nothing
else that is needed here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

POOL_DIM = 2048
USUAL_BATCH = 16
LEAST_FUSED = 4
"""Frames. Fewer take longer fused: the weights are laid out for more."""

CLASSES, CLASSES_2015 = 1000, 1008
# What torchvision's `transform_input` does: undo ImageNet's normalisation, then map 0…1 to −1…1.
SCALE = (0.229 / 0.5, 0.224 / 0.5, 0.225 / 0.5)
SHIFT = ((0.485 - 0.5) / 0.5, (0.456 - 0.5) / 0.5, (0.406 - 0.5) / 0.5)

Pool = Callable[[Tensor], Tensor]
average: Pool = partial(functional.avg_pool2d, kernel_size=3, stride=1, padding=1)
average_inside: Pool = partial(functional.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
largest: Pool = partial(functional.max_pool2d, kernel_size=3, stride=1, padding=1)
halve: Pool = partial(functional.max_pool2d, kernel_size=3, stride=2)


@dataclass(frozen=True)
class Conv:
    """A convolution, BatchNorm and ReLU. Without `stride` the size stays, unless `padded` is false."""

    name: str
    channels: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padded: bool = True


@dataclass(frozen=True)
class Fork:
    """Two convolutions of the same input, joined."""

    left: Conv
    right: Conv


Step = Conv | Fork | Pool
Branch = tuple[Step, ...]


@dataclass(frozen=True)
class Block:
    """Branches of the same input, joined."""

    name: str
    branches: tuple[Branch, ...]


class Inception3(nn.Module):
    """[N, 3, 299, 299], in the weights' precision, to float32 [N, 2048]. `AuxLogits` and `fc` only hold weights that
    the files have."""

    def __init__(self, stages: tuple[Conv | Pool | Block, ...], classes: int, auxiliary: bool, rescales: bool) -> None:
        super().__init__()
        self._rescales = rescales
        # A plain list: the modules are registered under their own names.
        self._path: list[Callable[[Tensor], Tensor]] = []
        channels = 3
        for stage in stages:
            if isinstance(stage, Block):
                module: Unit | Joined = Joined(channels, stage.branches)
            elif isinstance(stage, Conv):
                module = Unit(channels, stage)
            else:
                self._path.append(stage)
                continue
            self.add_module(stage.name, module)
            self._path.append(module)
            channels = module.channels
            if auxiliary and stage.name == "Mixed_6e":
                self.AuxLogits = _auxiliary(channels, classes)
        self.fc: nn.Module = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        if self._rescales:
            x = x * x.new_tensor(SCALE).view(1, 3, 1, 1) + x.new_tensor(SHIFT).view(1, 3, 1, 1)
        for step in self._path:
            x = step(x)
        return x.mean(dim=(2, 3), dtype=torch.float32)

    def fold(self) -> None:
        """For inference: each convolution does its BatchNorm's work too, the first one rescales, and the classifiers
        are dropped."""
        for module in self.modules():
            if isinstance(module, Unit):
                module.fold()
        if self._rescales:
            first = self._path[0]
            assert isinstance(first, Unit)
            first.rescale_input(SCALE, SHIFT)
            self._rescales = False
        self.fc = nn.Identity()
        if hasattr(self, "AuxLogits"):
            del self.AuxLogits

    def fuse(self) -> None:
        """Once folded, and on the device and in the precision that it will run in: see `Unit.fuse`."""
        for module in self.modules():
            if isinstance(module, Unit):
                module.fuse()


class Unit(nn.Module):
    """Convolution, BatchNorm, ReLU."""

    def __init__(self, inputs: int, spec: Conv) -> None:
        super().__init__()
        height, width = spec.kernel
        padding = (height // 2, width // 2) if spec.padded and spec.stride == 1 else (0, 0)
        self.channels = spec.channels
        self.conv = nn.Conv2d(inputs, spec.channels, spec.kernel, spec.stride, padding, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(spec.channels, eps=0.001)
        self._fused: Callable[[Tensor], Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self._fused is not None and len(x) >= LEAST_FUSED:
            return self._fused(x)
        return functional.relu(self.bn(self.conv(x)), inplace=True)

    def fold(self) -> None:
        if isinstance(self.bn, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.bn)
            self.bn = nn.Identity()

    def fuse(self) -> None:
        """Convolution and ReLU as one operation of oneDNN's, the weights laid out for it once: the same numbers.

        PyTorch has it for its compiler, which needs a C++ compiler where it runs; see docs/adr/0028.
        """
        conv, operations = self.conv, torch.ops.mkldnn
        how = list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups
        weight: Tensor | None = None

        def fused(x: Tensor) -> Tensor:
            nonlocal weight
            if weight is None:
                # Which layout is quick depends on the input's size.
                weight = operations._reorder_convolution_weight(conv.weight, *how, [USUAL_BATCH, *x.shape[1:]])
            out: Tensor = operations._convolution_pointwise(x, weight, conv.bias, *how, "relu", [], "")
            return out

        self._fused = fused

    @torch.no_grad()
    def rescale_input(self, scale: Sequence[float], shift: Sequence[float]) -> None:
        """Take `x` where `x · scale + shift`, by channel, was taken. Once folded, and without padding, which is 0 in
        either."""
        weight, bias = self.conv.weight, self.conv.bias
        assert bias is not None
        assert self.conv.padding == (0, 0)
        bias += (weight * weight.new_tensor(shift).view(1, -1, 1, 1)).sum(dim=(1, 2, 3))
        weight *= weight.new_tensor(scale).view(1, -1, 1, 1)


class Joined(nn.Module):
    """A block: the branches' outputs, joined by channels."""

    def __init__(self, inputs: int, branches: tuple[Branch, ...]) -> None:
        super().__init__()
        self._branches = []
        self.channels = 0
        for branch in branches:
            steps, channels = [], inputs
            for step in branch:
                made, channels = self._made(step, channels)
                steps.append(made)
            self._branches.append(steps)
            self.channels += channels

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(list(self._outputs(x)), 1)

    def _outputs(self, x: Tensor) -> Iterator[Tensor]:
        for steps in self._branches:
            out = x
            for step in steps:
                out = step(out)
            yield out

    def _made(self, step: Step, channels: int) -> tuple[Callable[[Tensor], Tensor], int]:
        if isinstance(step, Conv):
            unit = Unit(channels, step)
            self.add_module(step.name, unit)
            return unit, step.channels
        if isinstance(step, Fork):
            (left, more), (right, others) = self._made(step.left, channels), self._made(step.right, channels)
            return lambda x: torch.cat([left(x), right(x)], 1), more + others
        return step, channels


def inception_v3() -> Inception3:
    """torchvision's, with `transform_input=True`: takes what ImageNet's normalisation made of 0…1."""
    return Inception3(_stages(average, average), CLASSES, auxiliary=True, rescales=True)


def inception_2015() -> Inception3:
    """That of `inception-2015-12-05`: takes values −1…1."""
    return Inception3(_stages(average_inside, largest), CLASSES_2015, auxiliary=False, rescales=False)


def _stages(pool: Pool, last_pool: Pool) -> tuple[Conv | Pool | Block, ...]:
    return (
        Conv("Conv2d_1a_3x3", 32, (3, 3), stride=2),
        Conv("Conv2d_2a_3x3", 32, (3, 3), padded=False),
        Conv("Conv2d_2b_3x3", 64, (3, 3)),
        halve,
        Conv("Conv2d_3b_1x1", 80),
        Conv("Conv2d_4a_3x3", 192, (3, 3), padded=False),
        halve,
        Block("Mixed_5b", _fine(pool, 32)),
        Block("Mixed_5c", _fine(pool, 64)),
        Block("Mixed_5d", _fine(pool, 64)),
        Block(
            "Mixed_6a",
            (
                (Conv("branch3x3", 384, (3, 3), stride=2),),
                (*_double_3x3(64, 96), Conv("branch3x3dbl_3", 96, (3, 3), stride=2)),
                (halve,),
            ),
        ),
        Block("Mixed_6b", _middle(pool, 128)),
        Block("Mixed_6c", _middle(pool, 160)),
        Block("Mixed_6d", _middle(pool, 160)),
        Block("Mixed_6e", _middle(pool, 192)),
        Block(
            "Mixed_7a",
            (
                (Conv("branch3x3_1", 192), Conv("branch3x3_2", 320, (3, 3), stride=2)),
                (
                    Conv("branch7x7x3_1", 192),
                    Conv("branch7x7x3_2", 192, (1, 7)),
                    Conv("branch7x7x3_3", 192, (7, 1)),
                    Conv("branch7x7x3_4", 192, (3, 3), stride=2),
                ),
                (halve,),
            ),
        ),
        Block("Mixed_7b", _coarse(pool)),
        Block("Mixed_7c", _coarse(last_pool)),
    )


def _fine(pool: Pool, pooled: int) -> tuple[Branch, ...]:
    """At 35 × 35."""
    return (
        (Conv("branch1x1", 64),),
        (Conv("branch5x5_1", 48), Conv("branch5x5_2", 64, (5, 5))),
        (*_double_3x3(64, 96), Conv("branch3x3dbl_3", 96, (3, 3))),
        (pool, Conv("branch_pool", pooled)),
    )


def _middle(pool: Pool, inner: int) -> tuple[Branch, ...]:
    """At 17 × 17."""
    wide, tall = (1, 7), (7, 1)
    double = [Conv(f"branch7x7dbl_{n}", inner, kernel) for n, kernel in ((2, tall), (3, wide), (4, tall))]
    return (
        (Conv("branch1x1", 192),),
        (Conv("branch7x7_1", inner), Conv("branch7x7_2", inner, wide), Conv("branch7x7_3", 192, tall)),
        (Conv("branch7x7dbl_1", inner), *double, Conv("branch7x7dbl_5", 192, wide)),
        (pool, Conv("branch_pool", 192)),
    )


def _coarse(pool: Pool) -> tuple[Branch, ...]:
    """At 8 × 8."""
    single = Fork(Conv("branch3x3_2a", 384, (1, 3)), Conv("branch3x3_2b", 384, (3, 1)))
    double = Fork(Conv("branch3x3dbl_3a", 384, (1, 3)), Conv("branch3x3dbl_3b", 384, (3, 1)))
    return (
        (Conv("branch1x1", 320),),
        (Conv("branch3x3_1", 384), single),
        (*_double_3x3(448, 384), double),
        (pool, Conv("branch_pool", 192)),
    )


def _double_3x3(first: int, second: int) -> tuple[Conv, Conv]:
    return Conv("branch3x3dbl_1", first), Conv("branch3x3dbl_2", second, (3, 3))


def _auxiliary(channels: int, classes: int) -> nn.Module:
    head = nn.Module()
    head.conv0 = Unit(channels, Conv("conv0", 128))
    head.conv1 = Unit(128, Conv("conv1", 768, (5, 5), padded=False))
    head.fc = nn.Linear(768, classes)
    return head
