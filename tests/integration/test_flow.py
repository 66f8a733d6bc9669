"""The whole flow on a real Kafka, steps 1 to 8: a command in, real services probed, states out, the same everywhere.

One cluster of three nodes for the whole file; each test has services of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.replica.states import StateReplica
from infra.kafka.broker import Broker
from schemas.codec import decode, encode
from schemas.config import Kind, Operation, Verb
from schemas.identifiers import NO_VIEW, partition_of
from schemas.probes import ProbeResults, Reason, Verdict
from schemas.states import BindingVerdict, CauseKind, ServiceState, State
from schemas.topics import PROBE_RESULTS, SERVICE_STATES
from streams.audit.promise import foreign_results
from tests.integration.cluster import (
    Cluster,
    add_monitor,
    add_service,
    bind,
    on_service,
    running,
    unbind,
)
from tests.integration.conftest import delete_topics
from tests.integration.raw import raw_producer, send_raw
from tests.integration.targets import Ailment
from tests.waiting import wait_until

NAMES = [f"web{number:02d}" for number in range(12)]


@pytest.fixture(scope="module")
def flow(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes, a TCP and an HTTP monitor, twelve services that are UP."""
    with running(broker.bootstrap, "flow", tmp_path_factory.mktemp("flow")) as cluster:
        cluster.apply(add_monitor("tcp"), add_monitor("http", "HTTP"))
        cluster.add_services(NAMES, "http")
        cluster.wait_states(NAMES, State.UP)
        yield cluster
    delete_topics(broker.bootstrap, "flow")


def test_O4_O6_every_service_is_up_and_has_the_owner_that_the_view_gives(flow: Cluster) -> None:
    assert flow.owners(NAMES) == flow.expected_owners(NAMES)
    assert set(flow.owners(NAMES).values()) == {"b0", "b1", "b2"}
    audited = flow.check_promise()
    assert not foreign_results(audited.reigns, flow.probe_results())


def test_V4_the_first_record_of_a_service_declares_its_owner(flow: Cluster) -> None:
    flow.add_services(["first"], "tcp")
    held = flow.wait_state("first", State.UP)
    records = [record for record in flow.records(SERVICE_STATES) if record.key() == held.entity_id.encode()]
    first = decode(ServiceState, records[0].value())
    assert (first.sequence, first.owner, first.view_id) == (
        1,
        flow.expected_owners(["first"])["first"],
        flow.view().view_id,
    )
    assert {record.partition() for record in records} == {partition_of(held.entity_id)}


@pytest.mark.parametrize(
    ("monitor", "ailment", "reason"),
    [
        ("tcp", Ailment.CLOSED, Reason.REFUSED),
        ("http", Ailment.ERROR, Reason.BAD_STATUS),
        ("http", Ailment.SILENT, Reason.TIMEOUT_FIRST_BYTE),
    ],
)
def test_S3_a_broken_service_goes_down_with_its_reason_and_comes_back(
    flow: Cluster, monitor: str, ailment: Ailment, reason: Reason
) -> None:
    name = f"breaks-{ailment.name.lower()}"
    flow.add_services([name], monitor)
    flow.wait_state(name, State.UP)
    flow.targets[name].become(ailment)
    down = flow.wait_state(name, State.DOWN)
    assert [(held.verdict, held.reason) for held in down.bindings] == [(Verdict.DOWN, reason)]
    flow.targets[name].become(Ailment.NONE)
    up = flow.wait_state(name, State.UP)
    assert up.view_id == down.view_id
    assert up.sequence > down.sequence
    wait_until(lambda: len(flow.transitions(name)) == 3, 10, "three lines of history")
    assert [(line.before, line.after) for line in flow.transitions(name)] == [
        (State.UNKNOWN, State.UP),
        (State.UP, State.DOWN),
        (State.DOWN, State.UP),
    ]


def test_U1_a_transition_names_the_very_record_that_caused_it(flow: Cluster) -> None:
    flow.add_services(["caused"], "tcp")
    up = flow.wait_state("caused", State.UP)
    flow.targets["caused"].become(Ailment.CLOSED)
    flow.wait_state("caused", State.DOWN)
    line = wait_until(
        lambda: next((line for line in flow.transitions("caused") if line.after is State.DOWN), None), 10, "its history"
    )
    assert line.cause.kind is CauseKind.PROBE
    assert line.cause.topic == flow.topic(PROBE_RESULTS)
    batch = next(
        decode(ProbeResults, record.value())
        for record in flow.records(PROBE_RESULTS)
        if (record.partition(), record.offset()) == (line.cause.partition, line.cause.offset)
    )
    assert (batch.node_id, batch.view_id) == (up.owner, up.view_id)
    runs = [run for run in batch.runs if run.service_id == up.entity_id]
    decisive = runs[-1]  # the run of successes before it may have waited for company
    assert (decisive.verdict, decisive.reason) == (Verdict.DOWN, Reason.REFUSED)
    assert decisive.count >= 2, "retries is 2: the second failure decides"


def test_M10_M11_five_monitors_of_weight_30_and_a_threshold_of_90(flow: Cluster) -> None:
    parts = [flow.farm.target() for _ in range(5)]
    monitors = [f"part{number}" for number in range(5)]
    flow.apply(
        *(add_monitor(name, destination_port=part.port) for name, part in zip(monitors, parts, strict=True)),
        add_service("weighed", parts[0].port, threshold=90),
        *(bind("weighed", name, weight=30) for name in monitors),
    )

    def at(weight: int, state: State) -> None:
        held = flow.wait_record("weighed", lambda held: held.up_weight == weight, f"weight {weight}")
        assert (held.state, held.threshold) == (state, 90)

    at(150, State.UP)
    for part, weight, state in zip(parts[:3], (120, 90, 60), (State.UP, State.UP, State.DOWN), strict=True):
        part.become(Ailment.CLOSED)
        at(weight, state)
    parts[1].become(Ailment.NONE)
    at(90, State.UP)


def test_M11_a_changed_threshold_changes_the_state(flow: Cluster) -> None:
    parts = [flow.farm.target() for _ in range(2)]
    flow.apply(
        add_monitor("twenty", destination_port=parts[0].port),
        add_monitor("forty", destination_port=parts[1].port),
        add_service("crossing", parts[0].port, threshold=60),
        bind("crossing", "twenty", weight=20),
        bind("crossing", "forty", weight=40),
    )
    flow.wait_record("crossing", lambda held: (held.state, held.up_weight) == (State.UP, 60), "20 + 40 = 60")
    flow.apply(on_service(Verb.SET, "crossing", threshold=61))
    down = flow.wait_state("crossing", State.DOWN)
    assert (down.cause.kind, down.threshold) == (CauseKind.CONFIG, 61)
    flow.apply(on_service(Verb.SET, "crossing", threshold=40))
    flow.wait_state("crossing", State.UP)
    parts[1].become(Ailment.CLOSED)
    flow.wait_record("crossing", lambda held: (held.state, held.up_weight) == (State.DOWN, 20), "20 of 40")
    flow.apply(bind("crossing", "twenty", weight=40))
    flow.wait_record("crossing", lambda held: (held.state, held.up_weight) == (State.UP, 40), "40 of 40")


def test_O5_disable_and_enable_take_a_service_out_and_bring_it_back(flow: Cluster) -> None:
    flow.add_services(["resting"], "http")
    up = flow.wait_state("resting", State.UP)
    flow.apply(on_service(Verb.DISABLE, "resting"))
    out = flow.wait_state("resting", State.OUT_OF_SERVICE)
    assert (out.cause.kind, out.up_weight) == (CauseKind.CONFIG, 0)
    probed = len(flow.targets["resting"].probed_at_s)
    flow.targets["resting"].become(Ailment.CLOSED)
    flow.apply(on_service(Verb.ENABLE, "resting"))
    flow.wait_state("resting", State.DOWN)
    assert len(flow.targets["resting"].probed_at_s) <= probed + 1, "a disabled service is not probed"
    flow.targets["resting"].become(Ailment.NONE)
    assert flow.wait_state("resting", State.UP).entity_id == up.entity_id


def test_S3_unbinding_the_failing_monitor_brings_a_service_up(flow: Cluster) -> None:
    failing = flow.farm.target()
    flow.add_services(["unbound"], "tcp")
    flow.apply(add_monitor("failing", destination_port=failing.port), bind("unbound", "failing"))
    flow.wait_record("unbound", lambda held: held.state is State.UP and len(held.bindings) == 2, "both UP")
    failing.become(Ailment.CLOSED)
    flow.wait_state("unbound", State.DOWN)
    flow.apply(unbind("unbound", "failing"))
    up = flow.wait_state("unbound", State.UP)
    assert (up.cause.kind, len(up.bindings)) == (CauseKind.CONFIG, 1)
    flow.apply(unbind("unbound", "tcp"))
    assert not flow.wait_state("unbound", State.UNKNOWN).bindings


def test_O2_rename_keeps_the_id_the_owner_and_the_state(flow: Cluster) -> None:
    flow.add_services(["before"], "tcp")
    was = flow.wait_state("before", State.UP)
    flow.apply(on_service(Verb.RENAME, "before", "after"))
    now = flow.wait_state("after", State.UP)
    assert (now.entity_id, now.owner, now.view_id) == (was.entity_id, was.owner, was.view_id)
    assert now.changed_at_ms == was.changed_at_ms
    assert flow.states.by_name("before") is None
    flow.targets["before"].become(Ailment.CLOSED)
    flow.wait_state("after", State.DOWN)


def test_S15_a_removed_service_leaves_a_tombstone_and_is_probed_no_more(flow: Cluster) -> None:
    flow.add_services(["removed"], "tcp")
    was = flow.wait_state("removed", State.UP)
    flow.apply(on_service(Verb.RM, "removed"))
    wait_until(lambda: was.entity_id not in flow.states, 10, "the replica has forgotten it")
    last = [record for record in flow.records(SERVICE_STATES) if record.key() == was.entity_id.encode()][-1]
    assert last.value() is None
    flow.add_services(["removed"], "tcp")
    again = flow.wait_state("removed", State.UP)
    assert again.entity_id != was.entity_id, "ids are never used again"


def test_a_changed_address_is_probed_from_then_on(flow: Cluster) -> None:
    flow.add_services(["moving"], "tcp")
    flow.wait_state("moving", State.UP)
    other = flow.farm.target()
    other.become(Ailment.CLOSED)
    flow.apply(on_service(Verb.SET, "moving", port=other.port))
    assert flow.wait_state("moving", State.DOWN).port == other.port
    other.become(Ailment.NONE)
    flow.wait_state("moving", State.UP)


def test_S10_a_record_of_an_older_view_changes_nothing_and_is_buried(flow: Cluster) -> None:
    flow.add_services(["fenced"], "tcp")
    held = flow.wait_state("fenced", State.UP)
    stale = ServiceState(
        **{name: getattr(held, name) for name in ServiceState.__slots__}
        | {"view_id": NO_VIEW, "state": State.DOWN, "sequence": held.sequence + 50}
    )
    rejected = flow.states.rejected
    with raw_producer(flow.bootstrap) as producer:
        partition = partition_of(held.entity_id)
        place = send_raw(producer, flow.topic(SERVICE_STATES), partition, held.entity_id.encode(), encode(stale))
    wait_until(lambda: flow.states.rejected > rejected, 10, "the stale record met")
    assert flow.state("fenced") is State.UP

    def last() -> ServiceState:
        mine = [record for record in flow.records(SERVICE_STATES) if record.key() == held.entity_id.encode()]
        assert mine[-1].offset() >= place
        return decode(ServiceState, mine[-1].value())

    wait_until(lambda: last().state is State.UP, 10, "read repair: the good record stands last again")
    flow.check_promise(allow_ineffective=True)


def test_S7_U5_every_replica_holds_the_same_states_and_every_node_has_applied_them(flow: Cluster) -> None:
    flow.apply(Operation(Verb.ADD, Kind.VSERVER, "quiet", {"address": "127.0.0.1", "port": 1}))
    with StateReplica(flow.bootstrap, flow.name) as second, StateReplica(flow.bootstrap, flow.name) as third:
        for replica in (second, third):
            replica.wait_ready(30)

        def digests() -> list[dict[str, bytes | None]]:
            return [{key: replica.encoded(key) for key in replica} for replica in (flow.states, second, third)]

        wait_until(lambda: all(digest == digests()[0] for digest in digests()[1:]), 10, "three replicas, one content")
        assert len(second) >= len(NAMES)

    def ends() -> tuple[int, ...]:
        found = [0] * SERVICE_STATES.partitions
        for record in flow.records(SERVICE_STATES):
            found[record.partition()] = record.offset() + 1
        return tuple(found)

    def applied() -> bool:
        told = ends()
        return all(
            all(have >= want for have, want in zip(status.applied["service-states"], told, strict=True))
            for status in flow.control.nodes().values()
        )

    wait_until(applied, 10, "every node tells that it has applied every state (T4)")


def test_M18_a_target_that_announces_maintenance_goes_out_of_service_and_comes_back(flow: Cluster) -> None:
    flow.apply(add_monitor("polite", "HTTP", trofs_code=503))
    flow.add_services(["leaves"], "polite")
    flow.wait_state("leaves", State.UP)
    flow.targets["leaves"].become(Ailment.ERROR)
    held = flow.wait_state("leaves", State.GOING_OUT_OF_SERVICE)
    assert [(one.state, one.verdict) for one in held.bindings] == [(BindingVerdict.MAINTENANCE, Verdict.MAINTENANCE)]
    assert "maintenance" in held.cause.text
    flow.targets["leaves"].become(Ailment.NONE)
    flow.wait_state("leaves", State.UP)


def test_M20_a_service_disabled_with_a_delay_is_going_out_of_service_first(flow: Cluster) -> None:
    flow.add_services(["graceful"], "tcp")
    flow.wait_state("graceful", State.UP)
    flow.apply(on_service(Verb.DISABLE, "graceful", delay="700ms", graceful="yes"))
    going = flow.wait_state("graceful", State.GOING_OUT_OF_SERVICE)
    assert going.due_at_ms is not None
    out = flow.wait_state("graceful", State.OUT_OF_SERVICE)
    assert 0 <= out.changed_at_ms - going.due_at_ms < 2_000
    flow.apply(on_service(Verb.ENABLE, "graceful"))
    flow.wait_state("graceful", State.UP)


def test_M20_a_service_that_flaps_is_held_down_until_it_is_quiet(flow: Cluster) -> None:
    flow.add_services(["flaps"], "tcp")
    flow.wait_state("flaps", State.UP)
    flow.apply(on_service(Verb.SET, "flaps", flap_changes=1, flap_window="2s"))
    flow.targets["flaps"].become(Ailment.CLOSED)
    flow.wait_state("flaps", State.DOWN)
    flow.targets["flaps"].become(Ailment.NONE)
    held = flow.wait_record("flaps", lambda held: held.due_at_ms is not None and held.up_weight == 1, "held")
    assert held.state is State.DOWN
    assert "held DOWN" in held.cause.text
    flow.wait_state("flaps", State.UP)


def test_U7_a_shadow_monitor_fails_without_consequence_and_its_last_failure_is_kept(flow: Cluster) -> None:
    flow.add_services(["shadowed"], "tcp")
    flow.wait_state("shadowed", State.UP)
    nobody = flow.farm.target()
    nobody.become(Ailment.CLOSED)
    flow.apply(add_monitor("trial", destination_port=nobody.port), bind("shadowed", "trial", shadow="yes"))
    held = flow.wait_record("shadowed", lambda held: any(one.failures for one in held.bindings), "a failure")
    trial = held.bindings[1]
    assert (held.state, trial.counts, trial.failures[0].reason) == (State.UP, False, Reason.REFUSED)
