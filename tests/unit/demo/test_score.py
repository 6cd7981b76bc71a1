from dataclasses import replace

import pytest

from needledrop_demo.score import Note, Voice, beats_per_minute, compose, euclid
from tests.unit.demo.scenes import MIDDLE


def pattern(hits: int, steps: int) -> str:
    return "".join("x" if hit else "." for hit in euclid(hits, steps))


def chord_classes(notes: list[Note], bar_s: float) -> set[int]:
    """Pitch classes of the first bar's held chord, above its root in the bass."""
    first = [note for note in notes if note.start_s < bar_s * 0.99]
    root = next(note.pitch for note in first if note.voice is Voice.BASS)
    return {(note.pitch - root) % 12 for note in first if note.voice is Voice.PAD}


@pytest.mark.parametrize(
    ("hits", "steps", "rhythm"),
    [(3, 8, "x..x..x."), (4, 16, "x...x...x...x..."), (2, 5, "x..x."), (16, 16, "x" * 16)],
)
def test_rhythms_are_the_published_euclidean_ones(hits: int, steps: int, rhythm: str) -> None:
    assert pattern(hits, steps) == rhythm


@pytest.mark.parametrize("hits", range(1, 17))
def test_gaps_of_a_rhythm_differ_by_one_step_at_most(hits: int) -> None:
    places = [step for step, hit in enumerate(euclid(hits, 16)) if hit]
    gaps = {after - before for before, after in zip(places, [*places[1:], places[0] + 16], strict=True)}
    assert len(places) == hits
    assert places[0] == 0
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(("harmony", "third"), [(0.0, 3), (1.0, 4)])
def test_low_harmony_starts_on_a_minor_chord_and_high_harmony_on_a_major_one(harmony: float, third: int) -> None:
    scene = replace(MIDDLE, harmony=harmony)
    for seed in range(20):
        told = scene.retold(seed)
        assert chord_classes(compose(told, 2), 240 / beats_per_minute(told)) == {0, third, 7}


def test_the_tune_plays_chord_tones_of_its_bar() -> None:
    bar_s = 240 / beats_per_minute(MIDDLE)
    notes = compose(MIDDLE, 20)
    for note in notes:
        if note.voice is Voice.LEAD:
            bar = int(note.start_s / bar_s + 1e-6)
            chord = {
                other.pitch % 12
                for other in notes
                if other.voice is Voice.PAD and other.start_s == pytest.approx(bar * bar_s)
            }
            assert note.pitch % 12 in chord


def test_drums_enter_with_drive() -> None:
    counts = [
        sum(note.voice in (Voice.KICK, Voice.SNARE) for note in compose(replace(MIDDLE, drive=drive), 20))
        for drive in (0.0, 0.5, 1.0)
    ]
    assert counts[0] < counts[1] < counts[2]
