"""The data that `show` prints: nothing configured is missing; owners and lags follow from the log."""

from __future__ import annotations

from dataclasses import replace

from schemas.probes import Reason, Verdict
from schemas.reason_words import reason_text
from schemas.states import Cause, CauseKind, ProbeFailure, State
from streams.cli.show_entities import monitor_list, vserver_list
from streams.cli.show_nodes import behind_of, node_list, view_list
from streams.cli.show_services import last_failures, outcomes_text, reason, service_detail, service_list
from streams.cli.show_tables import VIEWS
from tests.unit.cli_show.samples import PARTITION_OF_WEB, WEB, binding, knowledge, state


def test_every_configured_service_is_there_also_without_a_state() -> None:
    rows = {row["name"]: row for row in service_list(knowledge())}
    assert list(rows) == ["api", "new", "web"]
    assert rows["api"]["state"] == "DOWN"
    assert rows["new"]["state"] == State.UNKNOWN.value
    assert rows["new"]["cause"]["text"] == "no state yet"
    assert rows["new"].keys() == rows["web"].keys()


def test_one_service_is_told_with_its_bindings_and_where_its_states_stand() -> None:
    one = service_detail(knowledge(), "api")
    assert one is not None
    assert one["bindings"][0]["reason"] == "REFUSED"
    assert one["bindings"][0]["outcomes"] == "....xx"
    assert one["elected_owner"] in ("b0", "b1")
    assert (one["cause"]["topic"], one["cause"]["partition"], one["cause"]["offset"]) == ("c.probe-results", 5, 77)
    web = service_detail(knowledge(), "web")
    assert web is not None
    assert web["position"] == {"topic": "c.service-states", "partition": PARTITION_OF_WEB, "next_offset": 5}
    assert service_detail(knowledge(), "nothing") is None


def test_the_last_failures_of_all_bindings_are_told_latest_first() -> None:
    refused, late = ProbeFailure(1_000, Reason.REFUSED, "no"), ProbeFailure(2_000, Reason.TIMEOUT_BODY, "slow")
    known = knowledge()
    known.states[WEB] = replace(state(), bindings=(replace(binding(), failures=(refused, late), slow=True),))
    one = service_detail(known, "web")
    assert one is not None
    assert one["bindings"][0]["slow"]
    assert [(row["monitor_name"], row["reason"], row["at_ms"]) for row in last_failures(one)] == [
        ("http", "TIMEOUT_BODY", 2_000),
        ("http", "REFUSED", 1_000),
    ]


def test_U7_a_shadow_is_not_why_a_service_is_down() -> None:
    shadow = replace(binding(Verdict.DOWN, Reason.MISMATCH, "new check"), counts=False)
    down = state(State.DOWN)
    owned = replace(down, cause=Cause(CauseKind.OWNERSHIP, "monitored by b0", "", -1, -1))
    assert "refused" in reason(replace(owned, bindings=(shadow, *down.bindings)))
    assert reason_text(replace(down, bindings=(shadow, *down.bindings))).startswith("REFUSED")
    disabled = replace(down, state=State.OUT_OF_SERVICE, cause=Cause(CauseKind.CONFIG, "configuration: disabled"))
    assert reason_text(disabled) == "configuration: disabled"


def test_outcomes_are_told_oldest_first() -> None:
    assert outcomes_text(binding()) == "....xx"


def test_nodes_are_told_with_their_partitions_their_lag_and_the_age_of_their_word() -> None:
    b0, b1 = node_list(knowledge())
    assert len(b0["partitions"]) + len(b1["partitions"]) == 64
    assert (b0["stale"], b1["stale"]) == (False, True)
    assert (b0["behind_records"], b1["behind_records"]) == (0, 3)
    assert b0["told"] == 1
    assert b0["owned"] + b1["owned"] == 3


def test_T4_a_lag_is_counted_per_topic_and_never_below_zero() -> None:
    assert behind_of({"views": (3,), "service-states": (5, 9)}, {"views": (5,), "service-states": (7, 8)}) == {
        "views": 2,
        "service-states": 2,
    }


def test_V2_views_are_told_with_their_fate() -> None:
    lost, held, first = view_list(knowledge())
    assert (lost["accepted"], lost["refusal"]) == (False, "LOST_RACE")
    assert lost["partitions_moved"] is None
    assert (held["accepted"], held["in_force"], held["view_id"]) == (True, True, 1)
    assert held["partitions_moved"] == 32
    assert first["partitions_moved"] == 64


def test_T5_a_member_that_is_leaving_is_told_as_such() -> None:
    known = knowledge()
    held = known.views[1]
    gone = replace(held.change, members=(replace(held.change.members[0], leaving=True), *held.change.members[1:]))
    known = replace(known, views=[known.views[0], replace(held, change=gone), *known.views[2:]])
    shown = view_list(known)
    assert [member["leaving"] for member in shown[1]["members"]] == [True, False]
    assert [column(shown[1], 0)[0] for name, column in VIEWS if name == "members"] == ["b0 (leaving), b1"]


def test_monitors_are_told_with_defaults_and_holders() -> None:
    (monitor,) = monitor_list(knowledge())
    assert monitor["settings"]["interval_ms"] == 2_500
    assert monitor["settings"]["retries"] == 3
    assert monitor["given"] == ["interval_ms", "type"]
    assert [one["name"] for one in monitor["bound_to"]] == ["api", "new", "web"]


def test_vservers_are_told_with_the_states_of_their_services() -> None:
    (vserver,) = vserver_list(knowledge())
    assert vserver["up"] == 1
    assert [(one["name"], one["state"], one["weight"]) for one in vserver["services"]] == [
        ("web", "UP", 1),
        ("new", "UNKNOWN", 3),
    ]
    why = "by weight: active connections were not given, so they are not counted"
    assert vserver["choice"] == {"best": "web", "why": why, "order": ["web"]}


def test_after_a_takeover_the_reason_is_still_what_the_probes_found() -> None:
    told = Cause(CauseKind.OWNERSHIP, "monitored by b1 under view 5")
    assert reason(replace(state(State.DOWN), cause=told)) == (
        "connect to 10.0.0.1:80: refused; monitored by b1 under view 5"
    )
    assert reason(replace(state(State.UP), cause=told)) == "monitored by b1 under view 5"
