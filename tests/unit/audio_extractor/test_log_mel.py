"""Log-mel patches against the reference and against the formulas, written out."""

import cmath
import math

import numpy as np
import pytest

from audio_extractor.log_mel import PATCH_SAMPLES, log_mel_patch, mel_matrix
from audio_extractor.patches import patch_batches
from tests.audio_reference import expected
from tests.unit.audio_extractor.signals import AT_16_KHZ, signals


@pytest.mark.parametrize("name", AT_16_KHZ)
def test_patches_of_16_khz_signals_are_the_references(name: str) -> None:
    wanted = expected()[f"{name}/log_mel"]
    (patches, *_) = patch_batches([signals()[name].samples()], hop=15360, size=1000)
    found = patches[: len(wanted)]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


def test_a_signal_shorter_than_a_patch_has_none() -> None:
    name = "short_16k_mono_0s5"
    assert len(expected()[f"{name}/log_mel"]) == 0
    assert list(patch_batches([signals()[name].samples()], hop=15360, size=32)) == []


def test_one_value_follows_from_the_definitions() -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, PATCH_SAMPLES)
    frame, band = 7, 20
    frame_samples = samples[frame * 160 : frame * 160 + 400]
    windowed = [x * (0.5 - 0.5 * math.cos(2 * math.pi * n / 400)) for n, x in enumerate(frame_samples)]
    magnitudes = [
        abs(sum(x * cmath.exp(-2j * math.pi * k * n / 512) for n, x in enumerate(windowed))) for k in range(257)
    ]
    energy = sum(m * _triangle(k * 16000 / 512, band) for k, m in enumerate(magnitudes))
    assert log_mel_patch(samples)[frame, band] == pytest.approx(math.log(energy + 0.01), abs=1e-5)


def test_mel_bands_are_triangles_between_125_and_7500_hertz() -> None:
    wanted = [[_triangle(k * 16000 / 512, band) for band in range(64)] for k in range(257)]
    np.testing.assert_allclose(mel_matrix(), wanted, rtol=0, atol=1e-9)


def test_another_number_of_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="15600"):
        log_mel_patch(np.zeros(15601, np.float32))


def _triangle(hertz: float, band: int) -> float:
    low, high = (1127 * math.log(1 + f / 700) for f in (125, 7500))
    left, centre, right = (low + (high - low) * (band + i) / 65 for i in range(3))
    mel = 1127 * math.log(1 + hertz / 700)
    if hertz == 0 or not left < mel < right:
        return 0.0
    return (mel - left) / (centre - left) if mel <= centre else (right - mel) / (right - centre)
