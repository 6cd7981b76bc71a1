"""Seeded stand-in weights for both networks, under torchvision's names.

They make the system run where the official weights are not at hand. Nothing was learned: see the demo bundle's label.
"""

import zlib

import numpy as np
import torch

from video_extractor.weights import Network, StateDict, empty_network


def stand_in_weights(seed: int, kind: Network = Network.INCEPTION_V3) -> StateDict:
    """float32 tensors by name: He-normal kernels, BatchNorms near the identity. Each depends only on seed and name."""
    return {key: _tensor(key, tuple(wanted.shape), seed) for key, wanted in empty_network(kind).state_dict().items()}


def _tensor(key: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    normal = np.random.default_rng([seed, zlib.crc32(key.encode())]).standard_normal(shape)
    if key.endswith("running_var"):
        values = 1 + 0.1 * np.abs(normal)
    elif key.endswith(("running_mean", "bias")):
        values = 0.1 * normal
    elif key.endswith("bn.weight"):
        values = 1 + 0.1 * normal
    else:
        # He et al. 2015, equation 10: variance 2 / fan-in keeps a ReLU network's activations in scale.
        values = normal * np.sqrt(2.0 / int(np.prod(shape[1:])))
    return torch.from_numpy(values.astype(np.float32))
