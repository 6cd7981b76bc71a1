"""VGGish's log-mel patches from 16 kHz samples.

Source of every constant and formula: `vggish_params.py` and `mel_features.py` of tensorflow/models,
research/audioset/vggish.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16000
WINDOW = 400
HOP = 160
FFT = 512
MEL_BANDS = 64
MEL_LOW_HZ = 125.0
MEL_HIGH_HZ = 7500.0
LOG_OFFSET = 0.01
PATCH_FRAMES = 96
PATCH_SAMPLES = (PATCH_FRAMES - 1) * HOP + WINDOW

Samples = npt.NDArray[np.floating[Any]]


def log_mel_patch(samples: Samples) -> npt.NDArray[np.float32]:
    """The patch, float32 [96, 64], of 15,600 samples (0.975 s at 16 kHz, values −1…1): frames by bands, low to high.

    A patch depends on its own samples only, and each is computed by calls of one shape, so the numbers are the same
    however a signal was cut up before.
    """
    if samples.shape != (PATCH_SAMPLES,):
        raise ValueError(f"a patch is made of {PATCH_SAMPLES} samples, not {samples.shape}")
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), WINDOW)[::HOP]
    magnitudes = np.abs(np.fft.rfft(frames * _periodic_hann(), FFT))
    return np.log(magnitudes @ mel_matrix() + LOG_OFFSET).astype(np.float32)


@cache
def mel_matrix() -> npt.NDArray[np.float64]:
    """float64 [257, 64]: the weight of each FFT bin in each band; triangles linear in HTK mel, not in hertz."""
    bins = hertz_to_mel(np.linspace(0.0, SAMPLE_RATE / 2, FFT // 2 + 1))
    low, high = hertz_to_mel(np.array([MEL_LOW_HZ, MEL_HIGH_HZ]))
    edges = np.linspace(low, high, MEL_BANDS + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins[:, None] - left) / (centre - left)
    falling = (right - bins[:, None]) / (right - centre)
    weights: npt.NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    weights[0] = 0.0
    weights.setflags(write=False)
    return weights


def hertz_to_mel(hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """HTK's scale, `1127 · ln(1 + f/700)`; same shape."""
    return 1127.0 * np.log1p(hertz / 700.0)


@cache
def _periodic_hann() -> npt.NDArray[np.float64]:
    window: npt.NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi / WINDOW * np.arange(WINDOW))
    window.setflags(write=False)
    return window
