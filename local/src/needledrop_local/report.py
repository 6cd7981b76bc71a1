"""The demo's tables and its summary."""

from collections.abc import Mapping
from statistics import median

from rich.markup import escape
from rich.table import Table

from needledrop_client import Match, MatchResult
from needledrop_local.importing import Refusal

TOP = 5


def ranking_table(title: str, match: Match, names: Mapping[str, str], true_track: str | None) -> Table:
    """A clip's best tracks, and the one with id `true_track` where it is lower. `names`: a track's name by its id."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in ("rank", "score", "start"):
        table.add_column(heading, justify="right")
    table.add_column("title", overflow="fold")
    if true_track:
        table.add_column("")
    for result in _shown(match, true_track):
        ours = result.audio.id == true_track
        name = escape(names.get(result.audio.id) or result.audio.title or "(untitled)")
        mark = ["◀ generated with this clip" if ours else ""] if true_track else []
        cells = [str(result.rank), f"{result.score:.3f}", minutes(result.start_s), name, *mark]
        table.add_row(*cells, style="bold green" if ours else None)
    return table


def refused_table(refused: list[Refusal]) -> Table:
    """The files that could not be used, with the code that says why."""
    table = Table(title="not in the list", title_justify="left")
    for heading in ("file", "code", "why"):
        table.add_column(heading, overflow="fold")
    for refusal in refused:
        table.add_row(escape(refusal.path.name), refusal.code, escape(refusal.detail))
    return table


def rank_of(match: Match, track_id: str) -> int:
    """The rank of a track; `ValueError` where the ranking lacks it."""
    for result in match.results:
        if result.audio.id == track_id:
            return result.rank
    raise ValueError(f"the ranking of clip {match.clip_id} lacks track {track_id}")


def summary(ranks: list[int], tracks: int) -> str:
    """The line that says how well the true tracks were found. By chance the median rank is (tracks + 1) / 2."""
    best = sum(rank <= 2 for rank in ranks)
    return (
        f"true track's median rank: {median(ranks):g} of {tracks} (by chance {(tracks + 1) / 2:g}); "
        f"first or second for {best} of {len(ranks)} clips (by chance {len(ranks) * min(2, tracks) / tracks:.1f})"
    )


def minutes(seconds: float) -> str:
    """Seconds as `m:ss`, rounded down."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def _shown(match: Match, true_track: str | None) -> list[MatchResult]:
    below = [result for result in match.results[TOP:] if result.audio.id == true_track]
    return match.results[:TOP] + below
