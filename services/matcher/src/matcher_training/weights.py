"""A metric's weights on disk: safetensors only, every tensor checked before it is used."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from matcher_training.towers import Metric
from needledrop.errors import BundleError, ErrorCode

STEP = ".step"
LARGE = 4096


def save_weights(metric: Metric, path: Path, compact: bool = False) -> None:
    """Write the metric's state dict, on the CPU, as safetensors: float32, or where `compact`, large matrices as int8.

    A compact matrix [N, M] is stored as int8 with a float32 step [N, 1] for each row, named as the matrix and `.step`.
    """
    tensors = {name: tensor.detach().cpu().float().contiguous() for name, tensor in metric.state_dict().items()}
    if compact:
        for name in [name for name, tensor in tensors.items() if tensor.ndim == 2 and tensor.numel() >= LARGE]:
            tensors[name], tensors[name + STEP] = _to_steps(tensors[name])
    path.write_bytes(save(tensors))


def load_weights(metric: Metric, path: Path) -> None:
    """Read a state dict into the metric. `BundleError` where the file is not safetensors or its tensors don't fit."""
    try:
        stored = load_file(path, device="cpu")
    except (SafetensorError, OSError) as error:
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name} is not a safetensors file") from error
    tensors = _from_steps(stored)
    wanted = {name: tuple(tensor.shape) for name, tensor in metric.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != wanted:
        names = ", ".join(sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)))
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name}: missing, extra or of another shape: {names}")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name} holds values that are not finite")
    metric.load_state_dict(tensors)


def _to_steps(matrix: Tensor) -> tuple[Tensor, Tensor]:
    step = matrix.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
    return (matrix / step).round().to(torch.int8), step


def _from_steps(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Whole matrices for compact ones; what does not belong together stays as it is, for the check of the names."""
    tensors = dict(stored)
    for name, tensor in stored.items():
        step = stored.get(name + STEP)
        if tensor.dtype == torch.int8 and step is not None and step.shape == (len(tensor), 1):
            tensors[name] = tensor.float() * tensors.pop(name + STEP)
    return tensors
