import io

import pytest
from rich.console import Console

from needledrop_client import Match
from needledrop_local.report import minutes, rank_of, ranking_table, summary


def match_of(count: int) -> Match:
    results = [
        {
            "rank": rank,
            "score": 0.5,
            "distance": 1.0,
            "start_s": 65.9,
            "audio": {"id": f"t{rank}", "title": f"Track [{rank}]", "url": "/audio/x/file"},
        }
        for rank in range(1, count + 1)
    ]
    model = {"id": "m", "kind": "va_metric2", "bundle": "demo", "untrained_backbones": True}
    return Match.model_validate({"clip_id": "c", "status": "done", "model": model, "total": count, "results": results})


def printed(match: Match, names: dict[str, str], true_track: str | None) -> list[str]:
    console = Console(file=io.StringIO(), width=200, no_color=True)
    console.print(ranking_table("clip.mp4", match, names, true_track))
    assert isinstance(console.file, io.StringIO)
    return [line for line in console.file.getvalue().splitlines() if "Track" in line or "Own" in line]


def test_the_first_five_are_shown_and_the_true_track_below_them() -> None:
    lines = printed(match_of(24), {}, "t17")
    assert [line.split("│")[1].strip() for line in lines] == ["1", "2", "3", "4", "5", "17"]
    assert ["generated with" in line for line in lines] == [False] * 5 + [True]


def test_a_true_track_among_the_first_five_is_marked_and_shown_once() -> None:
    lines = printed(match_of(24), {}, "t2")
    assert len(lines) == 5
    assert [number for number, line in enumerate(lines) if "generated with" in line] == [1]


def test_a_clip_without_a_true_track_has_no_mark_and_titles_are_shown_as_they_are() -> None:
    lines = printed(match_of(3), {"t1": "Own [name].mp3"}, None)
    assert "Own [name].mp3" in lines[0]
    assert "Track [2]" in lines[1]
    assert "1:05" in lines[0]
    assert not any("generated with" in line for line in lines)


def test_the_summary_states_median_best_places_and_chance() -> None:
    line = summary([1, 2, 3, 9], 24)
    assert "median rank: 2.5 of 24 (by chance 12.5)" in line
    assert "first or second for 2 of 4 clips (by chance 0.3)" in line


def test_the_rank_of_a_track_that_the_ranking_lacks_is_an_error() -> None:
    assert rank_of(match_of(3), "t3") == 3
    with pytest.raises(ValueError, match="lacks track t4"):
        rank_of(match_of(3), "t4")


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.99, "0:59"), (60, "1:00"), (3671.2, "61:11")])
def test_times_are_minutes_and_seconds_rounded_down(seconds: float, text: str) -> None:
    assert minutes(seconds) == text
