"""The reference's test signals, made again: integer PCM from closed formulas and one seeded generator."""

import wave
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Signal:
    """`pcm`: int16 [n] or [n, 2]."""

    rate: int
    pcm: npt.NDArray[np.int16]

    def samples(self) -> npt.NDArray[np.float32]:
        """float32 [n], mono, −1…1."""
        scaled = self.pcm.astype(np.float32) / np.float32(32768)
        return scaled if scaled.ndim == 1 else scaled.mean(axis=1)

    def write(self, path: Path) -> Path:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(self.pcm.ndim)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(self.pcm.tobytes())
        return path


AT_16_KHZ = ("chord_16k_mono_5s5", "long_16k_mono_125s", "silence_16k_mono_2s")
RESAMPLED = ("sine1k_44k1_mono_3s", "chirp_beat_48k_stereo_10s", "noise_22k05_mono_4s")


@cache
def signals() -> dict[str, Signal]:
    """All signals by name. The noise of each is what the generator gives after the one before, so the order counts."""
    noise = np.random.default_rng(7).standard_normal
    sine = np.sin(2 * np.pi * 1000 * _times(3, 44100))
    t = _times(10, 48000)
    chirp = 0.5 * np.sin(2 * np.pi * (60 * t + 190 * t**2))
    beat = 0.3 * np.sin(2 * np.pi * 220 * t) * (1 + np.sin(2 * np.pi * 2 * t)) / 2 + 0.05 * noise(t.size)
    t = _times(5.5, 16000)
    chord = 0.2 * sum(np.sin(2 * np.pi * f * t) for f in (261.6, 329.6, 392.0)) * np.exp(-1.2 * (t % 1))
    short = 0.1 * noise(8000)
    t = _times(125, 16000)
    long = 0.3 * noise(t.size) * (0.5 + 0.5 * np.sin(2 * np.pi * t / 17))
    return {
        "sine1k_44k1_mono_3s": Signal(44100, _pcm(sine)),
        "chirp_beat_48k_stereo_10s": Signal(48000, _pcm(np.stack([chirp, beat], axis=1))),
        "chord_16k_mono_5s5": Signal(16000, _pcm(chord)),
        "short_16k_mono_0s5": Signal(16000, _pcm(short)),
        "long_16k_mono_125s": Signal(16000, _pcm(long)),
        "noise_22k05_mono_4s": Signal(22050, _pcm(0.2 * noise(88200))),
        "silence_16k_mono_2s": Signal(16000, np.zeros(32000, np.int16)),
    }


def _times(seconds: float, rate: int) -> npt.NDArray[np.float64]:
    return np.arange(round(seconds * rate)) / rate


def _pcm(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    return np.clip(np.round(values * 32767), -32768, 32767).astype(np.int16)
