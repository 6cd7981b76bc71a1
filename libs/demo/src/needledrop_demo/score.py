"""Composition: a scene becomes a list of timed notes and drum strokes."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from needledrop_demo.scene import Scene

STEPS = 16
# A bass below E1 is felt, not heard.
LOWEST = 28
BEATS = 4

# Four chords as roots in semitones above the key, and the scale that the tune moves in, from sad to glad.
MODES: tuple[tuple[tuple[int, ...], tuple[tuple[int, ...], ...]], ...] = (
    ((0, 2, 3, 5, 7, 8, 10), ((0, 8, 3, 10), (0, 5, 8, 7), (0, 3, 8, 10))),
    ((0, 2, 3, 5, 7, 9, 10), ((0, 5, 0, 10), (0, 3, 10, 5), (0, 10, 5, 0))),
    ((0, 2, 4, 5, 7, 9, 10), ((0, 10, 5, 0), (0, 5, 10, 5), (0, 7, 10, 5))),
    ((0, 2, 4, 5, 7, 9, 11), ((0, 7, 9, 5), (0, 5, 9, 7), (0, 9, 5, 7))),
)

# At which drive each drum enters a step; 9 is never. Sixteen steps a bar.
DRUMS: dict[str, tuple[tuple[float, ...], ...]] = {
    "kick": (
        (0.0, 9, 9, 9, 0.45, 9, 9, 0.8, 0.15, 9, 9, 9, 0.45, 9, 0.7, 9),
        (0.0, 9, 9, 0.6, 9, 9, 0.35, 9, 0.15, 9, 0.5, 9, 9, 9, 0.75, 9),
        (0.0, 9, 9, 9, 0.4, 9, 9, 9, 0.1, 9, 9, 9, 0.4, 9, 9, 0.8),
    ),
    "snare": (
        (9, 9, 9, 9, 0.3, 9, 9, 9, 9, 9, 9, 9, 0.3, 9, 9, 0.85),
        (9, 9, 9, 9, 0.35, 9, 9, 0.75, 9, 0.9, 9, 9, 0.35, 9, 9, 9),
    ),
}


class Voice(StrEnum):
    LEAD = "lead"
    PAD = "pad"
    BASS = "bass"
    KICK = "kick"
    SNARE = "snare"
    HAT = "hat"


@dataclass(frozen=True)
class Note:
    """One sound. `pitch` is a MIDI note number, 0 for drums; `level` is linear."""

    voice: Voice
    start_s: float
    length_s: float
    pitch: int
    level: float


@dataclass(frozen=True)
class Bar:
    """Where a bar starts, how long its sixteen steps are, its chord in semitones above the tune's base, its rhythm."""

    start_s: float
    step_s: float
    chord: tuple[int, ...]
    rhythm: tuple[bool, ...]

    def at(self, step: int) -> float:
        return self.start_s + step * self.step_s


def beats_per_minute(scene: Scene) -> float:
    """Dense scenes are a little faster too."""
    return 84 + 34 * scene.tempo + 22 * scene.density


def hits_per_bar(scene: Scene) -> int:
    """How many of a bar's sixteen steps carry a note of the tune."""
    return round(2 + 14 * scene.density)


def tune_base(scene: Scene) -> int:
    """The MIDI note that the tune is built on; held chords lie an octave below it, the bass two."""
    return round(52 + 32 * scene.register)


def compose(scene: Scene, seconds: float) -> list[Note]:
    """The notes of a piece that starts at 0 and goes on for at least `seconds`."""
    random = scene.generator("score")
    chords = _chords(scene, random)
    kit = {Voice(name): patterns[int(random.integers(len(patterns)))] for name, patterns in DRUMS.items()}
    step_s = 60 * BEATS / beats_per_minute(scene) / STEPS
    rhythm = euclid(hits_per_bar(scene), STEPS)
    motif = _motif(random, sum(rhythm))
    notes: list[Note] = []
    for number in range(int(np.ceil(seconds / (step_s * STEPS)))):
        bar = Bar(number * step_s * STEPS, step_s, chords[number % len(chords)], rhythm)
        notes += _tune(scene, bar, _vary(motif, number, random))
        notes += _accompaniment(scene, bar)
        notes += _drums(scene, bar, kit)
    return notes


def euclid(hits: int, steps: int) -> tuple[bool, ...]:
    """`hits` spread as evenly as whole steps allow (Bjorklund's rhythms), the first on the beat."""
    return tuple((step * hits) % steps < hits for step in range(steps))


def _chords(scene: Scene, random: np.random.Generator) -> list[tuple[int, ...]]:
    scale, progressions = MODES[min(int(scene.harmony * len(MODES)), len(MODES) - 1)]
    key = int(random.integers(-2, 3))
    roots = progressions[int(random.integers(len(progressions)))]
    return [_chord(key, scale, root) for root in roots]


def _chord(key: int, scale: tuple[int, ...], root: int) -> tuple[int, ...]:
    """Root, third and fifth as the scale has them, in semitones above the tune's base."""
    degree = min(range(len(scale)), key=lambda index: abs(scale[index] - root))
    tones = [scale[(degree + skip) % len(scale)] + 12 * ((degree + skip) // len(scale)) for skip in (0, 2, 4)]
    return tuple(key + tone for tone in tones)


def _motif(random: np.random.Generator, length: int) -> list[int]:
    """A walk over chord tones: steps of one, now and then a leap."""
    moves = random.choice([-2, -1, -1, 1, 1, 2], size=length)
    walk, place = [], int(random.integers(0, 3))
    for move in moves:
        walk.append(place)
        place = place + int(move) if -2 <= place + int(move) <= 5 else place - int(move)
    return walk


def _vary(motif: list[int], bar: int, random: np.random.Generator) -> list[int]:
    """Bars go A A B A: the third turns the motif around, the fourth changes its last note."""
    if bar % 4 == 2:
        return motif[::-1]
    if bar % 4 == 3:
        return [*motif[:-1], int(random.integers(0, 4))]
    return motif


def _tune(scene: Scene, bar: Bar, motif: list[int]) -> Iterator[Note]:
    base = tune_base(scene)
    hits = [step for step, hit in enumerate(bar.rhythm) if hit]
    for step, until, place in zip(hits, [*hits[1:], STEPS], motif, strict=True):
        octave, tone = divmod(place, len(bar.chord))
        level = 1.0 if step % BEATS == 0 else 0.8
        length_s = (until - step) * bar.step_s * 1.3
        yield Note(Voice.LEAD, bar.at(step), length_s, base + 12 * octave + bar.chord[tone], level)


def _accompaniment(scene: Scene, bar: Bar) -> Iterator[Note]:
    low = tune_base(scene) - 24
    for tone in bar.chord:
        yield Note(Voice.PAD, bar.start_s, STEPS * bar.step_s, low + 12 + tone % 12, 1.0)
    root = low + bar.chord[0] % 12
    if root < LOWEST:
        root += 12
    every = 8 if scene.density < 0.33 else 4 if scene.density < 0.67 else 2
    for step in range(0, STEPS, every):
        yield Note(Voice.BASS, bar.at(step), every * bar.step_s, root, 1.0)


def _drums(scene: Scene, bar: Bar, kit: dict[Voice, tuple[float, ...]]) -> Iterator[Note]:
    yield from (Note(Voice.HAT, bar.at(step), 0.2, 0, 1.0) for step, hit in enumerate(bar.rhythm) if hit)
    for voice, entries in kit.items():
        for step, entry in enumerate(entries):
            if scene.drive >= entry:
                level = min((scene.drive - entry) / 0.25 + 0.3, 1.0)
                yield Note(voice, bar.at(step), 0.4, 0, level * (1.0 if step % BEATS == 0 else 0.75))
