"""The two networks, and their state dicts on disk. Nothing is ever unpickled."""

import pickle
from enum import StrEnum
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from needledrop.errors import BundleError, ErrorCode
from video_extractor.network import Inception3, inception_2015, inception_v3

StateDict = dict[str, torch.Tensor]
# A counter of training steps that BatchNorm gained after the official file was first published; inference ignores it.
OPTIONAL = ".num_batches_tracked"


class Network(StrEnum):
    """The backbones, by the names that bundles use: torchvision's, and TensorFlow's of 2015 in torchvision's names."""

    INCEPTION_V3 = "inception_v3"
    INCEPTION_2015 = "inception_2015"


def empty_network(kind: Network = Network.INCEPTION_V3) -> Inception3:
    """The network in eval mode, as its published state dict wants it, holding no memory for weights."""
    with torch.device("meta"):
        network = inception_2015() if kind is Network.INCEPTION_2015 else inception_v3()
    return network.eval()


def read_state_dict(path: Path, kind: Network = Network.INCEPTION_V3) -> StateDict:
    """Every weight of a `.safetensors` or a `torch.save` file, float32 on the CPU, by the network's names.

    `BundleError` where the file can't be read without unpickling, or its names or shapes are not the official ones.
    """
    found = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    wanted = empty_network(kind).state_dict()
    missing = sorted(key for key in wanted.keys() - found.keys() if not key.endswith(OPTIONAL))
    unknown = sorted(found.keys() - wanted.keys())
    if missing or unknown:
        raise _invalid(path, "; ".join([*_named("lacks", missing), *_named("has unknown weights", unknown)]))
    for key, tensor in found.items():
        if tensor.shape != wanted[key].shape:
            raise _invalid(path, f"has {key} of shape {list(tensor.shape)}, not {list(wanted[key].shape)}")
    return {
        key: found[key].to(torch.float32) if tensor.is_floating_point() else found.get(key, torch.tensor(0))
        for key, tensor in wanted.items()
    }


def _read_safetensors(path: Path) -> StateDict:
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise _invalid(path, "is not a safetensors file") from error


def _read_torch(path: Path) -> StateDict:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        raise _invalid(path, "can't be read as plain weights") from error
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise _invalid(path, "is not a state dict of tensors")
    return dict(loaded)


def _named(what: str, keys: list[str]) -> list[str]:
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return [f"{what} {', '.join(keys[:3])}{more}"] if keys else []


def _invalid(path: Path, what: str) -> BundleError:
    return BundleError(ErrorCode.BUNDLE_INVALID, f"{path.name} {what}")
