from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from needledrop_media.timeline import Timeline, each_second, in_order, nearest_each_second

RATE = Fraction(1, 25)
MS = Fraction(1, 1000)


def placed(stamps: list[int | None], clock_may_leap: bool = False, duration: int | None = None) -> list[Fraction]:
    timeline = Timeline(MS, RATE, clock_may_leap)
    return [timeline.place(stamp, duration) for stamp in stamps]


def test_time_counts_from_the_first_frame() -> None:
    assert placed([7300, 7340, 8300]) == [0, RATE, 1]


def test_a_frame_before_the_others_origin_may_be_negative() -> None:
    assert placed([-330, 0, 670]) == [0, Fraction(33, 100), 1]


def test_frames_without_stamps_follow_at_the_films_rate() -> None:
    assert placed([None, None, None]) == [0, RATE, 2 * RATE]


def test_a_frame_without_a_stamp_follows_after_the_duration_of_the_one_before() -> None:
    assert placed([500, None], duration=250) == [0, Fraction(1, 4)]


def test_stamps_that_begin_late_join_the_frames_before_them() -> None:
    assert placed([None, None, 9000, 9040]) == [0, RATE, 2 * RATE, 3 * RATE]


def test_a_clock_that_starts_anew_runs_on() -> None:
    assert placed([0, 40, 4000, 0, 40]) == [0, RATE, 4, 4 + RATE, 4 + 2 * RATE]


def test_a_clock_that_leaps_ahead_runs_on_where_the_format_allows_leaps() -> None:
    assert placed([0, 40, 95_000_000, 95_000_040], clock_may_leap=True) == [0, RATE, 2 * RATE, 3 * RATE]


def test_a_long_still_is_a_long_still_elsewhere() -> None:
    assert placed([0, 60_000]) == [0, 60]


def test_the_end_is_when_the_last_frames_turn_is_over() -> None:
    timeline = Timeline(MS, RATE, clock_may_leap=False)
    timeline.place(0, 500)
    timeline.place(500, 700)
    assert timeline.end == Fraction(6, 5)


@given(st.lists(st.fractions(0, 20, max_denominator=90), min_size=1))
def test_each_second_gets_the_first_frame_at_or_after_it(gaps: list[Fraction]) -> None:
    times = sorted(gaps)
    shown = [(time - times[0], number) for number, time in enumerate(times)]
    wanted = []
    second = 0
    while later := [number for time, number in shown if time >= second]:
        wanted.append(later[0])
        second += 1
    assert [number for number, count in each_second(shown) for _ in range(count)] == wanted


@given(st.permutations(range(6)))
def test_frames_that_come_too_early_wait_for_those_before_them(order: list[int]) -> None:
    assert list(in_order([(Fraction(n), n) for n in order], depth=5)) == [(Fraction(n), n) for n in range(6)]


def test_no_more_frames_are_held_than_allowed() -> None:
    taken: list[int] = []

    def frames() -> list[tuple[Fraction, int]]:
        return [(Fraction(n), n) for n in range(10)]

    source = ((time, taken.append(n) or n) for time, n in frames())  # type: ignore[func-returns-value]
    next(in_order(source, depth=2))
    assert len(taken) == 3


@given(st.sets(st.fractions(0, 12, max_denominator=20), min_size=1), st.integers(1, 15))
def test_each_second_gets_the_frame_nearest_to_it(times: set[Fraction], seconds: int) -> None:
    shown = [(time, time) for time in sorted(times)]
    found = [time for time, count in nearest_each_second(shown, seconds) for _ in range(count)]
    assert found == [min(sorted(times), key=lambda time: abs(time - second)) for second in range(seconds)]


def test_where_the_length_is_unknown_the_seconds_end_with_the_last_frame() -> None:
    shown = [(Fraction(time), time) for time in (0, 2, 5)]
    assert list(nearest_each_second(shown, None)) == [(0, 2), (2, 2), (5, 2)]
