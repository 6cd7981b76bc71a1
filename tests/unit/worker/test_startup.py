"""Garbage collection put off while a process starts."""

import gc
from collections.abc import Iterator

import pytest

from needledrop_worker.startup import without_collections


class Node:
    """Refers to itself, so that only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_inside_and_what_was_made_there_is_left_alone_later() -> None:
    gc.collect()
    with without_collections():
        assert not gc.isenabled()
        nodes = [Node() for _ in range(1000)]
        assert gc.get_count()[0] >= 1000
    assert gc.isenabled()
    assert gc.get_freeze_count() > 1000
    assert not any(node is nodes[0] for node in gc.get_objects())


def test_an_error_inside_ends_it_too() -> None:
    with pytest.raises(KeyError), without_collections():
        raise KeyError
    assert gc.isenabled()


def test_who_has_switched_collections_off_keeps_them_off() -> None:
    gc.disable()
    frozen = gc.get_freeze_count()
    with without_collections():
        pass
    assert not gc.isenabled()
    assert gc.get_freeze_count() == frozen
