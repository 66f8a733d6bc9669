"""Domain-based services on a real Kafka, with a real DNS server: addresses that come, change, and cannot be had.

Two nodes ask the same name server. A name's addresses are loopback ones, so that the service at each can be reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import pytest

from infra.kafka.broker import Broker
from schemas.codec import decode
from schemas.config import Kind, Operation, Verb
from schemas.probes import Reason, Verdict
from schemas.states import CauseKind, ServiceState, State
from schemas.topics import SERVICE_STATES
from tests.integration.cluster import Cluster, add_monitor, add_service, bind, on_service, running
from tests.integration.conftest import delete_topics
from tests.integration.targets import Target
from tests.servers.named import NameServer, name_server
from tests.waiting import wait_until

FIRST, SECOND = "127.0.0.1", "127.0.0.2"


@pytest.fixture(scope="module")
def dns() -> Iterator[NameServer]:
    with name_server() as server:
        yield server


@pytest.fixture(scope="module")
def named(broker: Broker, dns: NameServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes that ask our name server, and quick monitors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WATCHBILL_RESOLVER", dns.address)
        with running(broker.bootstrap, "named", tmp_path_factory.mktemp("named"), ("b0", "b1")) as cluster:
            cluster.apply(add_monitor("tcp"), add_monitor("http", "HTTP"))
            yield cluster
    delete_topics(broker.bootstrap, "named")


def by_name(cluster: Cluster, dns: NameServer, name: str, *addresses: str, monitor: str = "tcp") -> Target:
    """A service of this name, its server called `name`.test, with a target that answers at FIRST."""
    target = cluster.farm.target()
    if addresses:
        dns.zone.addresses[f"{name}.test"] = (list(addresses), 1)
    cluster.apply(
        add_service(name, target.port, address=f"{name}.test", domain_resolve_retry="1s"),
        bind(name, monitor),
    )
    return target


def told(cluster: Cluster, name: str) -> list[ServiceState]:
    """Every record of the service, in order."""
    records = (record.value() for record in cluster.records(SERVICE_STATES))
    states = (decode(ServiceState, value) for value in records if value is not None)
    return [state for state in states if state.name == name]


def test_D3_a_changed_address_goes_out_with_its_state_in_one_record(named: Cluster, dns: NameServer) -> None:
    by_name(named, dns, "moved", FIRST)
    first = named.wait_state("moved", State.UP)
    assert (first.ip_address, first.ttl_s) == (FIRST, 1)
    assert first.domain is not None
    assert (first.domain.domain, first.domain.reason) == ("moved.test", Reason.OK)
    dns.zone.addresses["moved.test"] = ([SECOND], 1)
    moved = named.wait_record("moved", lambda held: held.ip_address == SECOND, "the other address")
    assert (moved.state, moved.cause.kind) == (State.DOWN, CauseKind.RESOLUTION)
    assert moved.cause.text.startswith(f"address of moved.test {FIRST} to {SECOND}; tcp: ")
    records = [state for state in told(named, "moved") if state.ip_address]  # one without may not have gone out
    firsts = [next(group) for _, group in groupby(records, key=lambda state: state.ip_address)]
    assert [(state.ip_address, state.state) for state in firsts] == [(FIRST, State.UP), (SECOND, State.DOWN)]
    assert all(state.state is State.UP for state in told(named, "moved") if state.ip_address == FIRST)
    named.check_promise()


def test_D4_when_dns_goes_silent_the_address_stays_and_says_so(named: Cluster, dns: NameServer) -> None:
    by_name(named, dns, "silent", FIRST)
    named.wait_state("silent", State.UP)
    dns.zone.silent = True
    try:
        away = named.wait_record(
            "silent", lambda held: held.domain is not None and held.domain.reason is not Reason.OK, "a fault of DNS"
        )
    finally:
        dns.zone.silent = False
    assert (away.state, away.ip_address, away.ttl_s) == (State.UP, FIRST, 1)
    assert away.domain is not None
    assert away.domain.reason is Reason.TIMEOUT_RESOLVE
    assert 0 < (away.domain.resolved_at_ms or 0) <= away.updated_at_ms
    assert away.cause.text == f"DNS: silent.test: no DNS server answered in time; the address {FIRST} stays"
    named.wait_record("silent", lambda held: held.domain is not None and held.domain.reason is Reason.OK, "DNS again")


def test_D4_a_name_that_was_never_resolved_is_unknown_and_tells_what_dns_said(named: Cluster, dns: NameServer) -> None:
    by_name(named, dns, "ghost")
    ghost = named.wait_record("ghost", lambda held: held.cause.kind is CauseKind.RESOLUTION, "what DNS said")
    assert (ghost.state, ghost.ip_address) == (State.UNKNOWN, "")
    assert ghost.cause.text == "DNS: ghost.test: no such name (NXDOMAIN); never resolved so far"
    assert [(one.verdict, one.reason) for one in ghost.bindings] == [(Verdict.INCONCLUSIVE, Reason.UNRESOLVED)]
    dns.zone.addresses["ghost.test"] = ([FIRST], 60)
    assert named.wait_state("ghost", State.UP).ip_address == FIRST


def test_F14_a_name_rebound_to_what_must_not_be_probed_keeps_its_address(named: Cluster, dns: NameServer) -> None:
    by_name(named, dns, "rebound", FIRST)
    named.wait_state("rebound", State.UP)
    dns.zone.addresses["rebound.test"] = (["0.0.0.0"], 1)
    rebound = named.wait_record(
        "rebound", lambda held: held.domain is not None and held.domain.reason is Reason.NO_PERMISSION, "a refusal"
    )
    assert (rebound.state, rebound.ip_address) == (State.UP, FIRST)
    assert "DNS gives an address that is refused: 0.0.0.0 is never probed" in rebound.cause.text


def test_S2_members_by_name_are_services_like_any_other(named: Cluster, dns: NameServer) -> None:
    target = named.farm.target()
    dns.zone.addresses["app.test"] = ([FIRST], 60)
    member = f"farm/app.test:{target.port}"
    named.apply(
        Operation(Verb.ADD, Kind.SERVICE_GROUP, "farm", {}),
        Operation(Verb.ADD, Kind.MEMBER, member, {}),
        Operation(Verb.BIND, Kind.SERVICE_GROUP, "farm", {}, Kind.MONITOR, "tcp"),
    )
    assert named.wait_state(member, State.UP).ip_address == FIRST


def test_D1_an_address_becomes_a_name_and_an_address_again(named: Cluster, dns: NameServer) -> None:
    named.add_services(["plain"], "tcp")
    named.wait_state("plain", State.UP)
    dns.zone.addresses["plain.test"] = ([SECOND], 60)
    named.apply(on_service(Verb.SET, "plain", address="plain.test"))
    named.wait_record(
        "plain", lambda held: held.ip_address == SECOND and held.state is State.DOWN, "the name's address"
    )
    named.apply(on_service(Verb.SET, "plain", address=FIRST))
    back = named.wait_record("plain", lambda held: held.ip_address == FIRST and held.state is State.UP, "the address")
    assert (back.domain, back.ttl_s) == (None, None)


def test_D2_a_new_owner_goes_on_from_the_record_while_dns_is_away(named: Cluster, dns: NameServer) -> None:
    target = by_name(named, dns, "orphan", FIRST, monitor="http")
    before = named.wait_state("orphan", State.UP)
    dns.zone.silent = True
    try:
        named.node(before.owner).kill()
        after = named.wait_record("orphan", lambda held: held.owner != before.owner, "another owner", 30.0)
        assert (after.ip_address, after.state) == (FIRST, State.UP)
        probes = len(target.probed_at_s)
        wait_until(lambda: len(target.probed_at_s) > probes + 2, 15.0, "probes by the new owner")
    finally:
        dns.zone.silent = False
