"""Which engine probes a binding (C-3, C-4, C-15)."""

from __future__ import annotations

import pytest

from connectors.engine.placement import acting_engine, owner_by_range, owner_engine, placement_hash, reference_hash
from tests.unit.engine.harness import binding


def test_C4_reference_hash() -> None:
    assert reference_hash("m", "s") == 109 + 115
    assert reference_hash("ab", "ba") == 2 * (97 + 98)
    assert owner_engine(binding(monitor_name="m", service_name="s"), 8) == (109 + 115) % 8
    assert owner_engine(binding(monitor_name="m", service_name="s"), 3) == 2


@pytest.mark.parametrize(("value", "engine"), [(0, 0), (999, 0), (1000, 1), (1999, 1), (4321, 4), (7000, 7), (7999, 7)])
def test_C4_range_form(value: int, engine: int) -> None:
    assert owner_by_range(value) == engine


@pytest.mark.parametrize("value", [-1, 8000, 8001])
def test_C4_range_form_ends_before_8000(value: int) -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.7999"):
        owner_by_range(value)


def test_C3_ipv6_targets_on_engine_0() -> None:
    for number in range(20):
        assert owner_engine(binding(number, ip="2001:db8::1"), 4) == 0


def test_C3_names_alone_decide_for_ipv4() -> None:
    one = binding(1, ip="10.0.0.1", port=1, monitor_name="m", service_name="s")
    other = binding(2, ip="10.9.9.9", port=2, monitor_name="m", service_name="s")
    assert owner_engine(one, 7) == owner_engine(other, 7)


def test_C15_a_lost_engines_bindings_spread_over_the_living() -> None:
    values = [placement_hash(binding(number, monitor_name=f"m{number}")) for number in range(1000)]
    before = [acting_engine(value, 4, (0, 1, 2, 3)) for value in values]
    after = [acting_engine(value, 4, (0, 1, 3)) for value in values]
    moved = [now for was, now in zip(before, after, strict=True) if was != now]
    assert all(was == now for was, now in zip(before, after, strict=True) if was != 2)
    assert before.count(2) == len(moved)
    assert set(moved) == {0, 1, 3}


def test_C15_without_engine_0_ipv6_goes_to_the_first_that_lives() -> None:
    assert acting_engine(placement_hash(binding(ip="::1")), 4, (1, 2)) == 1
    assert acting_engine(0, 4, ()) is None
