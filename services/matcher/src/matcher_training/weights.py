"""A metric's weights on disk: safetensors only, every tensor checked before it is used."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from matcher_training.towers import Metric
from needledrop.errors import BundleError, ErrorCode


def save_weights(metric: Metric, path: Path) -> None:
    """Write the metric's state dict, on the CPU, as float32 safetensors."""
    tensors = {name: tensor.detach().cpu().float().contiguous() for name, tensor in metric.state_dict().items()}
    path.write_bytes(save(tensors))


def load_weights(metric: Metric, path: Path) -> None:
    """Read a state dict into the metric. `BundleError` where the file is not safetensors or its tensors don't fit."""
    try:
        tensors = load_file(path, device="cpu")
    except (SafetensorError, OSError) as error:
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name} is not a safetensors file") from error
    wanted = {name: tuple(tensor.shape) for name, tensor in metric.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != wanted:
        names = ", ".join(sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)))
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name}: missing, extra or of another shape: {names}")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name} holds values that are not finite")
    metric.load_state_dict(tensors)
