"""Which partitions have stalled: records wait, and the group's commit has not moved for long enough."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from connectors.kafka.places import Place
from streams.node.stall import Progress, from_oldest, idle_s

ONE, TWO = Place("probe-results", 1), Place("probe-results", 2)


def test_what_waits_and_does_not_move_has_stalled_after_the_time() -> None:
    progress = Progress(10.0)
    assert progress.observe({ONE: 5}, {ONE: 9}, 100.0) == []
    assert progress.observe({ONE: 5}, {ONE: 12}, 109.9) == []
    assert progress.observe({ONE: 5}, {ONE: 12}, 110.0) == [ONE]
    assert progress.observe({ONE: 5}, {ONE: 12}, 112.0) == [ONE], "until it moves"


def test_a_commit_that_moves_begins_the_time_again() -> None:
    progress = Progress(10.0)
    for step in range(10):
        assert progress.observe({ONE: step}, {ONE: 100}, step * 9.0) == []


def test_where_nothing_waits_nothing_stalls_however_long() -> None:
    progress = Progress(10.0)
    for now_s in (0.0, 100.0, 200.0):
        assert progress.observe({ONE: 7}, {ONE: 7}, now_s) == []
    assert progress.observe({ONE: 7}, {ONE: 8}, 300.0) == [], "the time runs from when something waits"


def test_a_place_that_was_never_read_stalls_too() -> None:
    progress = Progress(10.0)
    assert progress.observe({}, {ONE: 3}, 0.0) == []
    assert progress.observe({}, {ONE: 3}, 10.0) == [ONE]


def test_places_stall_one_by_one() -> None:
    progress = Progress(10.0)
    progress.observe({ONE: 1, TWO: 1}, {ONE: 5, TWO: 5}, 0.0)
    assert progress.observe({ONE: 1, TWO: 2}, {ONE: 5, TWO: 5}, 10.0) == [ONE]


def test_an_assignment_forgets_the_time_and_places_of_others() -> None:
    progress = Progress(10.0)
    progress.observe({ONE: 1, TWO: 1}, {ONE: 5, TWO: 5}, 0.0)
    progress.observe({ONE: 1}, {ONE: 5}, 5.0)
    assert progress.observe({ONE: 1, TWO: 1}, {ONE: 5, TWO: 5}, 10.0) == [ONE], "TWO was not asked about between"
    progress.forget()
    assert progress.observe({ONE: 1}, {ONE: 5}, 11.0) == []


def test_records_that_expired_wait_for_nobody() -> None:
    assert from_oldest({}, {ONE: 40}) == {ONE: 40}
    assert from_oldest({ONE: 12}, {ONE: 40}) == {ONE: 40}
    assert from_oldest({ONE: -1001}, {ONE: 0}) == {ONE: 0}
    assert from_oldest({ONE: 50}, {ONE: 40}) == {ONE: 50}
    progress = Progress(10.0)
    for now_s in (0.0, 50.0):
        assert progress.observe(from_oldest({}, {ONE: 40}), {ONE: 40}, now_s) == []


def test_F11_only_time_with_nothing_to_do_counts_towards_a_stall() -> None:
    began_s, until_s = idle_s(), time.monotonic() + 0.2
    while time.monotonic() < until_s:
        """Work, or the wait for a processor."""
    assert idle_s() - began_s < 0.1
    began_s = idle_s()
    threading.Event().wait(0.1)
    assert idle_s() - began_s > 0.05


def test_where_nobody_counts_the_work_all_time_counts(tmp_path: Path) -> None:
    for content in (None, "", "what is this"):
        if content is not None:
            (tmp_path / "schedstat").write_text(content)
        before_s = time.monotonic()
        assert before_s <= idle_s(tmp_path / "schedstat") <= time.monotonic()
