"""Music from a scene: compose, play, filter, and set the level."""

import numpy as np
import numpy.typing as npt

from needledrop_demo.scene import Scene
from needledrop_demo.score import BEATS, STEPS, Note, Voice, beats_per_minute, compose, euclid, hits_per_bar
from needledrop_demo.voices import RATE, Band, Samples

PEAK = 0.95
TAIL_S = 1

# How deep and how fast held sounds fall after each note of the tune, so that the note rate is heard in them too.
GATE_FLOOR = 0.05
GATE_S = 0.09


def render_music(scene: Scene, seconds: float, sample_rate: int = 16_000) -> Samples:
    """float32 [round(seconds · sample_rate)], mono, within ±0.95. The same scene gives the same samples.

    The sound is made at 32 kHz, so it holds nothing above 16 kHz.
    """
    padded_s = int(np.ceil(seconds)) + TAIL_S
    mix = _play(scene, compose(scene, seconds), padded_s * RATE)
    spectrum = np.fft.rfft(mix) * _master(scene, len(mix))
    spectrum *= np.fft.rfft(_room(scene), len(mix))
    music = _at_rate(spectrum, padded_s, sample_rate)[: round(seconds * sample_rate)]
    level = 10 ** (loudness(scene) / 20) / max(_rms(music), 1e-9)
    ends = np.minimum(np.arange(len(music)) / (0.02 * sample_rate), 1)
    return _single(PEAK * np.tanh(music * level / PEAK) * ends * ends[::-1])


def loudness(scene: Scene) -> float:
    """Root mean square in dB of full scale, before the peaks are rounded off."""
    return -28 + 16 * scene.drive


def _gains(scene: Scene) -> dict[Voice, float]:
    drums = 0.1 + 0.5 * scene.drive
    return {
        Voice.LEAD: 0.9,
        Voice.PAD: 0.5,
        Voice.BASS: 0.75,
        Voice.KICK: drums,
        Voice.SNARE: 0.8 * drums,
        Voice.HAT: 0.3 + 0.3 * scene.drive,
    }


def _play(scene: Scene, notes: list[Note], length: int) -> Samples:
    """All notes over the noise bed; what is not drums swells and falls in the tune's rhythm."""
    band = Band(scene.brightness, scene.generator("band"))
    held, drums = np.zeros(length, np.float32), np.zeros(length, np.float32)
    gains = _gains(scene)
    for note in notes:
        start = int(note.start_s * RATE)
        sound = band.play(note)[: max(length - start, 0)]
        target = held if note.pitch else drums
        target[start : start + len(sound)] += sound * np.float32(note.level * gains[note.voice])
    held += _bed(scene, length) * np.float32(_rms(held) * 10 ** ((-30 + 32 * scene.texture) / 20))
    return held * _gate(scene, length) + drums


def _gate(scene: Scene, length: int) -> Samples:
    """Falls from 1 towards `GATE_FLOOR` after each note of the tune."""
    bar_s = 60 * BEATS / beats_per_minute(scene)
    hits = np.flatnonzero(euclid(hits_per_bar(scene), STEPS)) / STEPS
    bars = np.arange(int(length / RATE / bar_s) + 1)
    starts = np.append(((bars[:, None] + hits) * bar_s * RATE).astype(np.int64).ravel(), length)
    since = np.arange(length) - np.repeat(starts[:-1], np.diff(np.minimum(starts, length)))
    return _single(GATE_FLOOR + (1 - GATE_FLOOR) * np.exp(-since / (GATE_S * RATE)))


def _bed(scene: Scene, length: int) -> Samples:
    """Noise that falls 3 dB an octave, looped every four seconds and swelling slowly; root mean square near 1."""
    loop = 4 * RATE
    spectrum = np.fft.rfft(scene.generator("bed").standard_normal(loop))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)) / 4, 40))
    noise = np.fft.irfft(spectrum, loop)
    noise *= (1 + 0.2 * np.sin(2 * np.pi * np.arange(loop) / loop)) / noise.std()
    return np.resize(noise.astype(np.float32), length)


def _master(scene: Scene, length: int) -> Samples:
    """Gain of each rfft bin: a low pass that brightness opens, a high pass that register raises."""
    frequency = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 1)
    upper = 600 * 19**scene.brightness
    lower = 40 * 15**scene.register
    return _single(1 / (1 + (frequency / upper) ** 2) / (1 + (lower / frequency) ** 3))


def _room(scene: Scene) -> Samples:
    """Impulse response: the sound itself, and a short diffuse tail."""
    random = scene.generator("room")
    length = int(0.6 * RATE)
    tail = random.standard_normal(length) * np.exp(-np.arange(length) / (0.15 * RATE))
    tail[: int(0.012 * RATE)] = 0
    tail *= 0.25 / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    return _single(tail)


def _at_rate(spectrum: npt.NDArray[np.complex128], seconds: int, sample_rate: int) -> Samples:
    """Exact band-limited resampling: the spectrum cut or zero-padded to the new rate."""
    length = seconds * sample_rate
    bins = min(len(spectrum), length // 2 + 1)
    return _single(np.fft.irfft(spectrum[:bins], length) * (length / (seconds * RATE)))


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def _single(values: npt.NDArray[np.floating]) -> Samples:
    return values.astype(np.float32)
