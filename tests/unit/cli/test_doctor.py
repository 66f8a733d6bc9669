"""`watchbill doctor`: what may be wrong is found, and told with its fix; a cluster that is well is told so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from connectors.engine.rights import ping_right
from schemas.cluster import NodeStatus
from schemas.identifiers import NodeId
from streams.cli import doctor
from streams.cli.doctor import Check, Finding, Patient, Verdict, examined
from streams.ownership.view import View
from tests.unit.cli_show.samples import NOW_MS, knowledge

OF_KNOWLEDGE: tuple[Check, ...] = (doctor.nodes, doctor.alike, doctor.clocks, doctor.lag)


def patient(change: Callable[[NodeStatus], NodeStatus] = lambda status: status) -> Patient:
    """Two nodes in the view; `change` befalls b1."""
    known = knowledge()
    nodes = {node: replace(status, sent_at_ms=NOW_MS - 200) for node, status in known.nodes.items()}
    return Patient("c", "kafka:9092", "", replace(known, nodes={**nodes, NodeId("b1"): change(nodes[NodeId("b1")])}))


def found(who: Patient, *checks: Check) -> list[Finding]:
    return [one for check in checks or OF_KNOWLEDGE for one in check(who)]


def test_a_cluster_that_is_well_is_told_so() -> None:
    findings = found(patient())
    assert {one.verdict for one in findings} == {Verdict.OK}
    assert [one.check for one in findings] == ["nodes", "releases", "clocks", "replicas"]
    assert not any(one.fix for one in findings)


@pytest.mark.parametrize(
    ("change", "check", "verdict", "text", "fix"),
    [
        (
            {"sent_at_ms": NOW_MS - 12_000},
            "nodes",
            Verdict.BROKEN,
            "b1 was last heard 12 s ago",
            "look at the log of b1",
        ),
        ({"suspect": True}, "nodes", Verdict.WARN, "b1 doubts itself", "between b1 and its targets"),
        ({"missing": ("service states",)}, "nodes", Verdict.WARN, "b1 waits for service states", "look at its log"),
        ({"version": "9.9"}, "releases", Verdict.WARN, "nodes run 0.1.0, 9.9", "upgrade the others"),
        ({"sent_at_ms": NOW_MS + 3_500}, "clocks", Verdict.WARN, "the clock of b1 is 3.5 s ahead", "NTP"),
        (
            {"applied": {"service-states": (-20_000,) * 64}},
            "replicas",
            Verdict.WARN,
            "b1 is 1,280,320 records behind",
            "",
        ),
    ],
)
def test_what_is_wrong_with_a_node_is_found_and_told_with_its_fix(
    change: dict[str, object], check: str, verdict: Verdict, text: str, fix: str
) -> None:
    wrong = [one for one in found(patient(lambda status: replace(status, **change))) if one.verdict is not Verdict.OK]  # type: ignore[arg-type]
    assert [(one.check, one.verdict) for one in wrong] == [(check, verdict)]
    assert text in wrong[0].text
    assert fix in wrong[0].fix


def test_a_cluster_without_nodes_is_broken() -> None:
    who = patient()
    assert who.known is not None
    nobody = replace(who, known=replace(who.known, views=()))
    assert isinstance(nobody.known.view, View)  # type: ignore[union-attr]
    (finding,) = found(nobody, doctor.nodes)
    assert (finding.verdict, finding.fix) == (Verdict.BROKEN, "start one: watchbill node --id b0")


def test_without_kafka_only_what_needs_none_is_asked() -> None:
    silent = Patient("c", None, "no Kafka answers at kafka:9092", None)
    findings = list(examined(silent))
    assert [one.check for one in findings] == ["pings", "Kafka"]
    assert findings[1].verdict is Verdict.BROKEN
    assert "watchbill kafka start" in findings[1].fix


def test_a_check_that_fails_by_itself_is_a_finding_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Patient) -> list[Finding]:
        raise RuntimeError("oh")

    monkeypatch.setattr(doctor, "CHECKS", (broken, doctor.clocks))
    findings = list(examined(patient()))
    assert [one.verdict for one in findings] == [Verdict.BROKEN, Verdict.OK]
    assert "RuntimeError: oh" in findings[0].text


def test_the_right_to_ping_is_told_as_the_engine_has_it() -> None:
    can, how = ping_right()
    assert how
    assert can or "ping_group_range" in how
