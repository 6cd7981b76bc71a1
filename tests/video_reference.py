"""The reference's frames, seeded weights and PCA, made again by its own recipe, and what the original code answered."""

import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from needledrop_models.video_pca import VideoPca
from video_extractor.weights import Network, StateDict, empty_network

EXPECTED = Path(__file__).parent / "data" / "video_reference.npz"


def reference_frames(count: int) -> npt.NDArray[np.uint8]:
    """uint8 [count, 299, 299, 3]: waves of three colours with a disc, drawn at 320 × 240."""
    drawn = [Image.fromarray(frame) for frame in islice(_draw(), count)]
    return np.stack([np.asarray(image.resize((299, 299), Image.Resampling.BILINEAR)) for image in drawn])


def reference_weights(kind: Network = Network.INCEPTION_V3) -> StateDict:
    return {key: _tensor(key, tuple(wanted.shape)) for key, wanted in empty_network(kind).state_dict().items()}


def reference_pca() -> VideoPca:
    random = _generator("visual_pca_params")
    basis, _ = np.linalg.qr(random.standard_normal((2048, 1024)))
    mean = 0.5 + 0.1 * random.standard_normal(2048)
    arrays = (mean, basis.T, np.linspace(0.5, 0.01, 1024))
    return VideoPca(*(values.astype(np.float32).astype(np.float64) for values in arrays))


def _draw() -> Iterator[npt.NDArray[np.uint8]]:
    random = np.random.default_rng(11)
    y, x = np.mgrid[0:240, 0:320] / np.array([240, 320]).reshape(2, 1, 1)
    while True:
        phases, frequencies = random.uniform(0, 6.28, 3), random.uniform(1, 12, (3, 2))
        waves = [np.sin(2 * np.pi * (f[0] * x + f[1] * y) + p) for f, p in zip(frequencies, phases, strict=True)]
        picture = 0.5 + 0.5 * np.stack(waves, axis=-1)
        cy, cx, radius = random.uniform(0.2, 0.8), random.uniform(0.2, 0.8), random.uniform(0.05, 0.3)
        picture[(y - cy) ** 2 + (x - cx) ** 2 < radius * radius] = random.uniform(0, 1, 3)
        yield np.round(255 * picture).astype(np.uint8)


def _tensor(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    normal = _generator("inception/" + key).standard_normal(shape)
    if key.endswith("running_var"):
        normal = 1.0 + 0.1 * np.abs(normal)
    elif key.endswith(("running_mean", "bias")):
        normal = 0.1 * normal
    elif key.endswith("bn.weight"):
        normal = 1.0 + 0.1 * normal
    else:
        normal = normal * np.sqrt(2.0 / int(np.prod(shape[1:])))
    return torch.from_numpy(normal.astype(np.float32))


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng([20240229, zlib.crc32(name.encode())])
