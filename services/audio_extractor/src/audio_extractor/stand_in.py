"""Seeded stand-in weights for VGGish, under the official names: He-normal kernels and small biases.

They make the system run where the official weights are not at hand. Nothing was learned: see the demo bundle's label.
"""

import zlib

import numpy as np
import numpy.typing as npt

from audio_extractor.vggish import SHAPES


def stand_in_weights(seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """float32 arrays by variable name. Each depends only on the seed and its own name."""
    return {name: _variable(name, shape, seed) for name, shape in SHAPES.items()}


def _variable(name: str, shape: tuple[int, ...], seed: int) -> npt.NDArray[np.float32]:
    normal = np.random.default_rng([seed, zlib.crc32(name.encode())]).standard_normal(shape)
    # He et al. 2015, equation 10: variance 2 / fan-in keeps a ReLU network's activations in scale.
    scale = np.sqrt(2.0 / int(np.prod(shape[:-1]))) if name.endswith("weights") else 0.1
    normal *= scale
    return normal.astype(np.float32)
