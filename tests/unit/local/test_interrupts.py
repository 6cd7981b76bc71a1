import signal

import pytest

from needledrop_local.interrupts import SIGNALS, held, ignored, interruptible


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_becomes_an_interrupt(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_an_interrupt_waits_for_the_end_of_a_held_block() -> None:
    reached = []

    def interrupted() -> None:
        with held():
            with held():
                signal.raise_signal(signal.SIGTERM)
                reached.append("inner")
            reached.append("outer")
        reached.append("after")

    with interruptible(), pytest.raises(KeyboardInterrupt):
        interrupted()
    assert reached == ["inner", "outer"]


def test_an_interrupt_is_dropped_while_ignored() -> None:
    reached = []
    with interruptible():
        with ignored():
            signal.raise_signal(signal.SIGINT)
            reached.append("inside")
        with held():
            reached.append("after")
    assert reached == ["inside", "after"]
