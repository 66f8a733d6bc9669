"""Each fault once, with a fixed seed and shorter than `python -m tests.chaos` has it: what must hold holds.

Figures are for the command, on a machine that does nothing else. Here it does: limits are three times as long. F10 has
few services here: that everything is ready is asked, and no hang.
"""

from __future__ import annotations

import pytest

from infra.kafka.broker import Broker
from tests.chaos.runner import Order, run_fault
from tests.chaos.table import BY_NAME

ORDER = Order("ci", patience=3.0, quick=True, services=500)


def hold(name: str, broker: Broker | None = None) -> None:
    """One run of a fault, on a Kafka of its own where none is given: it took effect, and nothing was violated."""
    found = run_fault(BY_NAME[name], None if broker is None else broker.bootstrap, ORDER)
    assert not found.violations, "\n".join(found.violations)
    assert found.figures["took_effect"] == 1


def test_F1_kill_9_leaves_no_service_without_an_owner_for_long(broker: Broker) -> None:
    hold("F1", broker)


def test_F2_sigterm_costs_no_interval(broker: Broker) -> None:
    hold("F2", broker)


def test_F3_a_zombie_writes_nothing_that_counts_and_what_it_writes_is_buried(broker: Broker) -> None:
    hold("F3", broker)


@pytest.mark.timeout(300)
def test_F4_poison_on_every_topic_is_kept_aside_and_nobody_notices(broker: Broker) -> None:
    hold("F4", broker)


def test_F5_who_is_cut_off_from_kafka_stops_before_its_successor_begins() -> None:
    hold("F5")


def test_F6_U8_who_is_cut_off_from_its_targets_doubts_itself() -> None:
    hold("F6")


def test_F7_U9_states_outlive_kafka_and_no_partition_is_stuck_behind_its_return() -> None:
    hold("F7")


def test_F8_what_comes_twice_or_late_or_from_the_dead_makes_no_difference(broker: Broker) -> None:
    hold("F8", broker)


def test_F9_nodes_come_and_go_and_probing_goes_on(broker: Broker) -> None:
    hold("F9", broker)


@pytest.mark.timeout(300)
def test_F10_everything_starts_at_once_while_kafka_compacts() -> None:
    hold("F10")


def test_F11_a_node_that_hardly_gets_the_processor_tells_no_false_down(broker: Broker) -> None:
    hold("F11", broker)


def test_F12_targets_that_all_fall_ill_cost_no_more_than_idleness() -> None:
    hold("F12")


def test_F13_a_wall_clock_that_is_wrong_changes_nothing(broker: Broker) -> None:
    hold("F13", broker)


def test_F15_the_second_of_one_name_refuses_and_says_why(broker: Broker) -> None:
    hold("F15", broker)
