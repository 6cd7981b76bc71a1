from matcher.matches.endpoints import RankingQuery
from matcher.matches.filters import EVERYTHING, TrackFilters
from matcher.matches.repository.ranking import CONDITIONS


def test_every_filter_has_its_condition() -> None:
    assert set(CONDITIONS) == set(TrackFilters.model_fields)


def test_filters_that_mean_the_same_are_equal() -> None:
    one, other = TrackFilters(tag=["Slow  Jazz", "rain", ""]), TrackFilters(tag=["rain", "slow jazz", "slow jazz"])
    assert one == other
    assert hash(one) == hash(other)


def test_empty_tags_filter_nothing() -> None:
    assert TrackFilters(tag=["", " "]) == EVERYTHING
    assert not TrackFilters(tag=[])
    assert TrackFilters(min_duration=0)


def test_a_querys_filters_are_those_of_any_page() -> None:
    first, second = RankingQuery(tag=["rain"], limit=5), RankingQuery(tag=["rain"], cursor="next")
    assert first.filters == second.filters == TrackFilters(tag=["rain"])
    assert RankingQuery(limit=5).filters == EVERYTHING
