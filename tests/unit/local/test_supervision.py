"""How often a part is started again."""

from needledrop_local.supervision import RESTARTS, WITHIN_S, Restarts


def test_a_part_that_keeps_on_ending_is_given_up_and_one_that_rarely_does_is_not() -> None:
    now = 0.0
    restarts = Restarts(clock=lambda: now)
    assert all(restarts.allow("api") for _ in range(RESTARTS))
    assert not restarts.allow("api")
    assert restarts.allow("dispatcher"), "each part for itself"
    now = WITHIN_S + 1
    assert restarts.allow("api")
