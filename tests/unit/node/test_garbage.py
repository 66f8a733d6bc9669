"""When the cycle collector runs, and what it is kept from."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from streams.node.garbage import GROWTH, STORM_RUNS, YOUNG, Garbage


class Ring:
    """Holds itself: only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    gc.collect()
    yield
    gc.unfreeze()
    gc.enable()


def test_a_node_collects_when_it_is_not_busy() -> None:
    garbage = Garbage()
    assert not gc.isenabled()
    ring = weakref.ref(Ring())
    made = [[] for _ in range(2 * YOUNG)]
    garbage.keep_house(0, 0, taking_over=True)
    assert ring() is not None, "a takeover is under way"
    garbage.keep_house(0, 0, taking_over=False)
    assert ring() is None
    assert len(made) == 2 * YOUNG


def test_a_storm_is_not_held_up_either() -> None:
    garbage = Garbage()
    ring = weakref.ref(Ring())
    made = [[] for _ in range(2 * YOUNG)]
    garbage.keep_house(0, STORM_RUNS, taking_over=False)
    garbage.keep_house(0, 2 * STORM_RUNS, taking_over=False)
    assert ring() is not None
    garbage.keep_house(0, 2 * STORM_RUNS, taking_over=False)
    assert ring() is None, "it is over"
    assert len(made) == 2 * YOUNG


def test_what_a_growing_node_holds_is_set_aside() -> None:
    garbage = Garbage()
    frozen = gc.get_freeze_count()
    stock = [[] for _ in range(GROWTH)]
    garbage.keep_house(GROWTH - 1, 0, taking_over=True)
    assert gc.get_freeze_count() == frozen
    garbage.keep_house(GROWTH, 0, taking_over=True)
    assert gc.get_freeze_count() >= frozen + len(stock)
    frozen = gc.get_freeze_count()
    garbage.keep_house(GROWTH + 1, 0, taking_over=True)
    assert gc.get_freeze_count() == frozen, "it has hardly grown since"
