"""Seeded weights under the reference metrics' parameter names: those behind `metric_expected.npz`."""

import zlib

import numpy as np
import torch

VA_METRIC_SHAPES: dict[str, tuple[int, ...]] = {
    **{
        f"{pool}.rnn.{name}_l{layer}": shape
        for pool, dim in (("VFeatPool", 1024), ("AFeatPool", 128))
        for layer in (0, 1)
        for name, shape in (
            ("weight_ih", (512, dim if layer == 0 else 128)),
            ("weight_hh", (512, 128)),
            ("bias_ih", (512,)),
            ("bias_hh", (512,)),
        )
    },
    "fc.weight": (64, 128),
    "fc.bias": (64,),
}
VA_METRIC2_SHAPES: dict[str, tuple[int, ...]] = {
    "vfc.weight": (128, 1024),
    "vfc.bias": (128,),
    "fc.weight": (96, 128),
    "fc.bias": (96,),
}


def reference_state_dict(shapes: dict[str, tuple[int, ...]], name: str) -> dict[str, torch.Tensor]:
    """Uniform in ±1/√128, each array from a generator seeded by the metric's and the parameter's names."""
    return {key: torch.from_numpy(_uniform(f"{name}/{key}", shape)) for key, shape in shapes.items()}


def _uniform(name: str, shape: tuple[int, ...]) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    rng = np.random.default_rng([20240229, zlib.crc32(name.encode())])
    return rng.uniform(-1, 1, shape).astype(np.float32) / np.float32(np.sqrt(128))
