"""Single sounds: plucked, held and bass notes from wave tables, and drums, all at one sample rate."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from needledrop_demo.score import Note, Voice

RATE = 32_000
TABLE = 2048

Samples = npt.NDArray[np.float32]


class Band:
    """The instruments of one piece; equal notes are made once.

    `brightness` from 0 to 1 sets how fast the harmonics fall off.
    """

    def __init__(self, brightness: float, random: np.random.Generator) -> None:
        self._slope = 2.4 - 1.5 * brightness
        self._noise = random.standard_normal(RATE).astype(np.float32)
        self._made: dict[tuple[Voice, int, int], Samples] = {}

    def play(self, note: Note) -> Samples:
        """float32 [n], peaks near 1 before the note's level."""
        length = max(int(note.length_s * RATE), 1)
        key = (note.voice, note.pitch, length)
        if key not in self._made:
            self._made[key] = self._make(note.voice, note.pitch, length)
        return self._made[key]

    def _make(self, voice: Voice, pitch: int, length: int) -> Samples:
        match voice:
            case Voice.LEAD:
                return self._pluck(pitch, length)
            case Voice.PAD:
                return self._hold(pitch, length)
            case Voice.BASS:
                return _tone(pitch, self._slope + 0.6, length) * _decay(length, 0.6) * _edges(length, 0.006, 0.03)
            case Voice.KICK:
                return _kick(length)
            case Voice.SNARE:
                return self._snare(length)
            case Voice.HAT:
                return self._hat(length)

    def _pluck(self, pitch: int, length: int) -> Samples:
        """A bright attack that dies sooner than the mellow rest, as of a string."""
        bright = _tone(pitch, self._slope - 0.5, length) * _decay(length, 0.10)
        mellow = _tone(pitch, self._slope + 0.5, length) * _decay(length, 0.45)
        sound: Samples = (0.5 * bright + 0.6 * mellow) * _edges(length, 0.004, 0.02)
        return sound

    def _hold(self, pitch: int, length: int) -> Samples:
        """Two tones a few cents apart, so that they beat slowly."""
        slope = self._slope + 0.2
        pair = _tone(pitch, slope, length, cents=4) + _tone(pitch, slope, length, cents=-4)
        sound: Samples = pair * _edges(length, 0.08, 0.12) * np.float32(0.5)
        return sound

    def _snare(self, length: int) -> Samples:
        body = np.sin(2 * np.pi * 190 / RATE * np.arange(length, dtype=np.float32)) * _decay(length, 0.05)
        sound: Samples = (0.5 * body + 0.35 * self._noise[:length] * _decay(length, 0.09)).astype(np.float32)
        return sound

    def _hat(self, length: int) -> Samples:
        sound: Samples = np.diff(self._noise[: length + 1]) * _decay(length, 0.03) * np.float32(0.3)
        return sound


def hertz(pitch: float) -> float:
    """Equal temperament, MIDI 69 = A4 = 440 Hz."""
    return float(440 * 2 ** ((pitch - 69) / 12))


def _tone(pitch: int, slope: float, length: int, cents: float = 0) -> Samples:
    frequency = hertz(pitch + cents / 100)
    table = _table(round(slope, 3), min(int(0.45 * RATE / frequency), 40))
    phase = np.arange(length, dtype=np.float64) * (frequency * TABLE / RATE)
    sound: Samples = table[phase.astype(np.int64) & (TABLE - 1)]
    return sound


@lru_cache(maxsize=256)
def _table(slope: float, harmonics: int) -> Samples:
    """One cycle with harmonics h at h^-slope, no higher than what the sample rate holds; root mean square 0.5."""
    spectrum = np.zeros(TABLE // 2 + 1, dtype=np.complex128)
    orders = np.arange(1, max(harmonics, 1) + 1)
    spectrum[orders] = -1j * orders ** (-slope)
    wave = np.fft.irfft(spectrum)
    cycle: Samples = (wave * (0.5 / np.sqrt(np.mean(wave**2)))).astype(np.float32)
    return cycle


def _kick(length: int) -> Samples:
    """A sine that falls from 150 to 48 Hz, with a click at its start."""
    time = np.arange(length, dtype=np.float32) / RATE
    phase = 2 * np.pi * (48 * time + (150 - 48) * 0.03 * (1 - np.exp(-time / 0.03)))
    sound: Samples = np.sin(phase) * np.exp(-time / 0.12) * _edges(length, 0.001, 0.02)
    return sound


def _decay(length: int, seconds: float) -> Samples:
    envelope: Samples = np.exp(np.arange(length, dtype=np.float32) * np.float32(-1 / (seconds * RATE)))
    return envelope


def _edges(length: int, attack_s: float, release_s: float) -> Samples:
    """1 with a linear rise and fall, so that nothing clicks."""
    ramp = np.arange(length, dtype=np.float32)
    rise = np.minimum(ramp / max(attack_s * RATE, 1), 1)
    fall = np.minimum((length - ramp) / max(release_s * RATE, 1), 1)
    envelope: Samples = np.minimum(rise, fall).astype(np.float32)
    return envelope
