"""The backbone: Inception up to its global average pool."""

import platform
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from needledrop.errors import ErrorCode, NeedledropError
from needledrop.log import get_logger
from needledrop_worker.processor import bfloat16_pays
from video_extractor.preprocessing import Preprocessing, to_input
from video_extractor.settings import Precision
from video_extractor.weights import StateDict, empty_network, read_state_dict

Frames = npt.NDArray[np.uint8]
Pool = npt.NDArray[np.float32]

log = get_logger(__name__)


class Backbone(Protocol):
    """Turns frames into rows before PCA."""

    def pool(self, frames: Frames) -> Pool:
        """uint8 RGB [N, 299, 299, 3] to float32 [N, 2048]."""
        ...


class Inception:
    """Inception on one device, for inference only. The frames that share a batch change a row by rounding only."""

    def __init__(
        self,
        state: StateDict,
        preprocessing: Preprocessing,
        device: torch.device,
        precision: Precision = Precision.FLOAT32,
    ) -> None:
        """`state` holds every weight by torchvision's name, float32; the tensors are taken over, not copied."""
        network = empty_network(preprocessing.network)
        network.load_state_dict(state, strict=True, assign=True)
        network.fold()
        self._precision: torch.dtype = getattr(torch, precision)
        self._network = network.to(device, self._precision).to(memory_format=torch.channels_last)
        if fuses(device, precision):
            self._network.fuse()
        self._preprocessing = preprocessing
        self._device = device
        if device.type == "cpu" and not pays(precision):
            log.warning("this processor is slow in this precision: float32 is faster", precision=str(precision))

    @classmethod
    def load(
        cls, path: Path, preprocessing: Preprocessing, device: torch.device, precision: Precision = Precision.FLOAT32
    ) -> "Inception":
        """Read a state dict; `BundleError` where the file is not that of the network that takes such frames."""
        return cls(read_state_dict(path, preprocessing.network), preprocessing, device, precision)

    def pool(self, frames: Frames) -> Pool:
        return self.pool_input(to_input(torch.from_numpy(frames).to(self._device), self._preprocessing))

    @torch.inference_mode()
    def pool_input(self, values: torch.Tensor) -> Pool:
        """The network's own input, float32 [N, 3, H, W] on its device, to float32 [N, 2048]."""
        result: Pool = self._network(values.to(self._precision)).cpu().numpy()
        return result


def pays(precision: Precision) -> bool:
    """Whether this processor is quicker in that precision than in float32, or it is float32."""
    capabilities = torch.cpu.get_capabilities()
    match precision:
        case Precision.FLOAT32:
            return True
        case Precision.BFLOAT16:
            return bfloat16_pays(capabilities)
        case Precision.FLOAT16:
            # Not `avx512_fp16`: with it oneDNN's convolutions take twice as long as in float32.
            return bool(capabilities.get("amx_fp16") or capabilities.get("fp16_arith"))


def fuses(device: torch.device, precision: Precision) -> bool:
    """Whether PyTorch has oneDNN's fused convolutions for it: on x86, in the precisions that were measured there.

    Where bfloat16 doesn't pay, the fused operation may refuse it, and the plain one emulates it.
    """
    return (
        device.type == "cpu"
        and platform.machine() in {"x86_64", "AMD64"}
        and precision in {Precision.FLOAT32, Precision.BFLOAT16}
        and pays(precision)
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
        and hasattr(torch.ops.mkldnn, "_reorder_convolution_weight")
    )


def choose_device(name: str) -> torch.device:
    """`auto`: the first GPU where there is one, else the CPU; `cpu`, `cuda` or `cuda:N`: that, or `NeedledropError`."""
    gpus = torch.cuda.device_count() if name != "cpu" else 0
    if name == "cpu" or (name == "auto" and not gpus):
        return torch.device("cpu")
    kind, _, number = name.partition(":")
    index = int(number) if number.isdecimal() else 0
    if kind not in {"auto", "cuda"} or index >= gpus:
        raise NeedledropError(ErrorCode.DEVICE_UNAVAILABLE, f"no device “{name}”: PyTorch finds {gpus} GPUs here")
    # TF32 keeps 10 bits of each factor, too few for whitened features of small variance.
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda", index)
