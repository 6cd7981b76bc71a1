"""A metric's weights on disk: safetensors only, every tensor checked before it is used."""

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from matcher_training.towers.metric import Metric
from needledrop.errors import BundleError, ErrorCode

STEP = ".step"
LARGE = 4096
WHOLE = 8
SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5)


def save_weights(metric: Metric, path: Path, bits: int | None = None) -> None:
    """Write the metric's state dict, on the CPU, as safetensors: float32, large matrices in so many `bits`, 2 to 8.

    A matrix [N, M] in 8 bits is int8, in fewer uint8 as `pack` makes it. Beside it is a float32 step [N, 1] for each
    row, named as the matrix and `.step`.
    """
    tensors = {name: tensor.detach().cpu().float().contiguous() for name, tensor in metric.state_dict().items()}
    if bits is not None:
        for name in [name for name, tensor in tensors.items() if tensor.ndim == 2 and tensor.numel() >= LARGE]:
            numbers, tensors[name + STEP] = to_steps(tensors[name], bits)
            tensors[name] = numbers if bits == WHOLE else pack(numbers, bits)
    path.write_bytes(save(tensors))


def load_weights(metric: Metric, path: Path) -> None:
    """Read a state dict into the metric. `BundleError` where the file is not safetensors or its tensors don't fit."""
    try:
        stored = load_file(path, device="cpu")
    except (SafetensorError, OSError) as error:
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name} is not a safetensors file") from error
    tensors = _from_steps(stored, metric)
    wanted = {name: tuple(tensor.shape) for name, tensor in metric.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != wanted:
        names = ", ".join(sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)))
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name}: missing, extra or of another shape: {names}")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name} holds values that are not finite")
    metric.load_state_dict(tensors)


def to_steps(matrix: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Whole numbers int8 of `bits` bits, and the step float32 [N, 1] of each row, the best of those tried.

    A row's largest values may be cut off where that makes its squared error smaller.
    """
    most = 2 ** (bits - 1) - 1
    largest = matrix.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / most
    best, step = torch.full_like(largest, torch.inf), largest
    for share in SHARES:
        tried = share * largest
        error = (matrix - tried * (matrix / tried).round().clamp(-most, most)).square().sum(dim=1, keepdim=True)
        step = torch.where(error < best, tried, step)
        best = torch.minimum(error, best)
    return (matrix / step).round().clamp(-most, most).to(torch.int8), step


def pack(numbers: Tensor, bits: int) -> Tensor:
    """uint8 [N, bits · ⌈M / 8⌉] of int8 [N, M]: for each bit from the lowest on, that bit of all of a row's numbers."""
    rows = numbers.numpy()
    planes = [np.packbits(rows >> bit & 1, axis=1, bitorder="little") for bit in range(bits)]
    return torch.from_numpy(np.concatenate(planes, axis=1))


def unpack(packed: Tensor, columns: int) -> Tensor:
    """int8 [N, columns] of what `pack` made; how many bits a number has follows from the width of the rows."""
    planes = np.split(packed.numpy(), packed.shape[1] // _plane(columns), axis=1)
    numbers = np.zeros((len(packed), columns), np.int8)
    for bit, plane in enumerate(planes):
        numbers |= np.unpackbits(plane, axis=1, count=columns, bitorder="little").view(np.int8) << np.int8(bit)
    sign = np.int8(1 << (len(planes) - 1))
    return torch.from_numpy((numbers ^ sign) - sign)


def _plane(columns: int) -> int:
    """Bytes of one bit of a row."""
    return -(-columns // 8)


def _from_steps(stored: dict[str, Tensor], metric: Metric) -> dict[str, Tensor]:
    """Whole matrices for compact ones; what does not belong together stays as it is, for the check of the names."""
    tensors = dict(stored)
    wanted = metric.state_dict()
    for name, tensor in stored.items():
        step = stored.get(name + STEP)
        if step is None or tensor.ndim != 2 or step.shape != (len(tensor), 1):
            continue
        columns = wanted[name].shape[1] if name in wanted and wanted[name].ndim == 2 else 0
        if tensor.dtype == torch.int8:
            tensors[name] = tensor.float() * tensors.pop(name + STEP)
        elif tensor.dtype == torch.uint8 and columns and tensor.shape[1] in _widths(columns):
            tensors[name] = unpack(tensor, columns).float() * tensors.pop(name + STEP)
    return tensors


def _widths(columns: int) -> range:
    """Bytes that a packed row may have, in two bits up to seven."""
    return range(2 * _plane(columns), WHOLE * _plane(columns), _plane(columns))
