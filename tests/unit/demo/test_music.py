from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import soxr

from needledrop_demo import Scene, render_music
from tests.unit.demo.scenes import MIDDLE, along, rises

RATE = 16_000
CALM = replace(MIDDLE, drive=0.0, texture=0.0, brightness=0.8)

Signal = npt.NDArray[np.float32]


def power(samples: Signal) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Frequencies in Hz, and the whole signal's power spectrum."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    return np.fft.rfftfreq(len(samples), 1 / RATE).astype(np.float64), spectrum.astype(np.float64)


def centroid(samples: Signal) -> float:
    frequency, spectrum = power(samples)
    return float((frequency * spectrum).sum() / spectrum.sum())


def flatness(samples: Signal) -> float:
    """Wiener entropy between 300 and 3,000 Hz: 1 for white noise, 0 for tones."""
    frequency, spectrum = power(samples)
    band = spectrum[(frequency > 300) & (frequency < 3000)] + 1e-12
    return float(np.exp(np.log(band).mean()) / band.mean())


def onsets_per_second(samples: Signal) -> float:
    """Rises of the 10 ms loudness envelope by more than 4 dB within 20 ms, at least 60 ms apart."""
    envelope = 10 * np.log10(np.square(samples[: len(samples) // 160 * 160]).reshape(-1, 160).mean(1) + 1e-6)
    rise = envelope[2:] - envelope[:-2]
    count, last = 0, -10
    for index in np.flatnonzero(rise > 4).tolist():
        if index - last > 6:
            count += 1
        last = index
    return count / (len(samples) / RATE)


def rms(samples: Signal) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def test_the_same_scene_gives_the_same_samples() -> None:
    assert render_music(MIDDLE, 3).tobytes() == render_music(MIDDLE, 3).tobytes()


def test_another_seed_gives_another_tune() -> None:
    first, second = render_music(MIDDLE, 3), render_music(MIDDLE.retold(1), 3)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.5


@pytest.mark.parametrize(("seconds", "rate"), [(1.0, 16_000), (2.5, 44_100), (0.3, 8_000)])
def test_the_length_is_what_was_asked_for(seconds: float, rate: int) -> None:
    music = render_music(MIDDLE, seconds, rate)
    assert music.dtype == np.float32
    assert music.shape == (round(seconds * rate),)


@pytest.mark.parametrize("drive", [0.0, 1.0])
def test_music_neither_clips_nor_falls_silent(drive: float) -> None:
    music = render_music(replace(MIDDLE, drive=drive, density=drive), 6)
    assert np.abs(music).max() <= 0.95
    seconds = music.reshape(6, -1)
    assert min(rms(second) for second in seconds) > 0.005


def test_the_sample_rate_changes_nothing_below_half_of_it() -> None:
    wide = soxr.resample(render_music(MIDDLE, 4, 48_000), 48_000, RATE, quality="VHQ")
    narrow = render_music(MIDDLE, 4, RATE)
    inner = slice(RATE // 4, -RATE // 4)
    assert np.corrcoef(wide[inner], narrow[inner])[0, 1] > 0.995


def test_drive_makes_it_louder() -> None:
    assert rises([rms(render_music(scene, 6)) for scene in along("drive")])


def test_brightness_raises_the_spectral_centroid() -> None:
    assert rises([centroid(render_music(scene, 6)) for scene in along("brightness")])


def test_register_takes_the_bass_away() -> None:
    def share_above_300_hz(scene: Scene) -> float:
        frequency, spectrum = power(render_music(scene, 6))
        return float(spectrum[frequency > 300].sum() / spectrum.sum())

    assert rises([share_above_300_hz(scene) for scene in along("register", CALM)])


def test_density_brings_more_onsets_a_second() -> None:
    assert rises([onsets_per_second(render_music(scene, 12)) for scene in along("density", CALM)])


def test_texture_moves_the_spectrum_from_tones_to_noise() -> None:
    assert rises([flatness(render_music(scene, 6)) for scene in along("texture")])


def test_tempo_brings_onsets_closer_together() -> None:
    slow, fast = (onsets_per_second(render_music(replace(CALM, density=0.3, tempo=tempo), 20)) for tempo in (0.0, 1.0))
    assert fast / slow == pytest.approx((84 + 34 + 22 * 0.3) / (84 + 22 * 0.3), rel=0.08)
