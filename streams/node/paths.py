"""Steps 5 and 6 of the flow for paths: this node pings what it hosts, owner or not, and reports what became of it.

Rule (P-2, P-3, T11): one ping a distinct address, while this node is in the view, by its engines, as bindings of their
own beside the inventory's; no service's state knows of them but through reports. A path is UP, DOWN or not known yet,
judged as any monitor is (retries, success_retries). Until this run of the node has judged an address, its last report
stands, which another run of it may have made: a restart is no change of a path. Why not let the owner collect what the
others probe: then a node that cannot reach Kafka's owner either would serve by a path that it does not have.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from structlog import get_logger

from connectors.engine.binding import Binding
from connectors.engine.echo import CURE
from connectors.engine.ping_access import PingAccess, ping_access
from connectors.engine.pool import EnginePool
from connectors.engine.runs import RunReport
from connectors.kafka.producer import OwnProducer
from connectors.replica.path_table import PathChange
from schemas.identifiers import EntityId, NodeId, Partition, partition_of
from schemas.inventory.path_monitor import DEFAULT, NAME, TYPE, PathMonitor, path_monitor
from schemas.probes import PathState, ProbeRun, Verdict
from schemas.processing import ServicePaths
from schemas.states import BindingVerdict, ServiceState
from schemas.topics import PATH_REPORTS
from streams.faust_app.identity import NodeIdentity
from streams.folding.binding import JUDGED, BindingFold
from streams.folding.events import BindingConfig
from streams.node.domains import Engines
from streams.node.inventory import Inventory
from streams.node.lease import Lease
from streams.node.path_reports import TICK_S, PathReports
from streams.node.replicas import Replicas
from streams.node.settings import NodeSettings
from streams.ownership.paths import Addresses, Moved, pinged_address
from streams.ownership.view import Member, View

log = get_logger()

FIRST_NUMBER = 1 << 31
"""Binding numbers from here on are paths'; below are the inventory's."""
MONITOR_ID = EntityId(NAME)
AT_ONCE = 500
"""Addresses whose pings begin in one go: a table of 70,000 would hold the loop for seconds."""
PATH_STATES = {
    BindingVerdict.UP: PathState.UP,
    BindingVerdict.MAINTENANCE: PathState.UP,
    BindingVerdict.DOWN: PathState.DOWN,
    BindingVerdict.UNKNOWN: PathState.UNKNOWN,
}


class Reported(Protocol):
    """What the log has of paths: `connectors.replica.paths.PathReplica`."""

    def of(self, service: EntityId, node: NodeId) -> PathState: ...

    def paths(self, service: EntityId) -> ServicePaths: ...

    def reported_by(self, node: NodeId) -> Sequence[EntityId]: ...

    def services(self) -> Sequence[EntityId]: ...


@dataclass(slots=True)
class _Pinged:
    """An address, the number that engines know it by, and what its pings came to."""

    address: str
    number: int
    fold: BindingFold

    @property
    def state(self) -> PathState:
        return PATH_STATES[self.fold.state]


class Paths:
    """The loop's thread."""

    def __init__(
        self,
        local: Member,
        inventory: Inventory,
        engines: Engines,
        state_of: Callable[[EntityId], ServiceState | None],
        reported: Reported,
        reports: PathReports,
        call_later: Callable[..., object],
    ) -> None:
        self._local, self._node = local, local.node
        self._inventory = inventory
        self._engines = engines
        self._state_of = state_of
        self._reported = reported
        self.reports = reports
        self._call_later = call_later
        self._addresses = Addresses()
        self._named: set[EntityId] = set()
        """Domain-based services that are pinged for: their address is in their records."""
        self._monitor = DEFAULT
        self._pinged: dict[str, _Pinged] = {}
        self._by_number: dict[int, _Pinged] = {}
        self._inside = False
        self._next_number = FIRST_NUMBER
        self._waiting: dict[str, BindingFold] = {}
        """Addresses whose pings are to begin, and what is known of them."""
        self._beginning = False

    def __len__(self) -> int:
        """How many addresses are pinged now."""
        return len(self._pinged)

    def counts(self) -> dict[str, int]:
        """Addresses that are pinged, by the state of the path. From any thread."""
        seen = Counter(pinged.state for pinged in list(self._pinged.values()))
        return {state.value: seen[state] for state in PathState}

    def path_of(self, service: EntityId) -> PathState:
        """This node's own path to a service: what its pings say, and before they do, what it last reported."""
        pinged = self._pinged.get(self._addresses.of(service) or "")
        state = pinged.state if pinged is not None else PathState.UNKNOWN
        return self._reported.of(service, self._node) if state is PathState.UNKNOWN else state

    def only_others_reach(self, service: EntityId) -> bool:
        """Whether another node reports a path, and this one's last ping failed, whatever its path is judged to be."""
        pinged = self._pinged.get(self._addresses.of(service) or "")
        failed = pinged is not None and pinged.fold.verdict is Verdict.DOWN
        return failed and bool(self._reported.paths(service).up - {self._node})

    def view_accepted(self, view: View) -> None:
        """The next view is in force: this run of this node is in it, or not."""
        member = view.member(self._node)
        inside = member is not None and member.incarnation == self._local.incarnation
        self.reports.view_id = view.view_id if inside else None
        if inside == self._inside:
            return
        self._inside = inside
        if not inside:
            self._cease([*self._pinged, *self._waiting])
            return
        self._place(list(self._named))  # their records may have come after their configuration, in the replay
        held = {service: self._reported.of(service, self._node) for service in self._reported.reported_by(self._node)}
        self.reports.begin(held)
        self.reports.put([service for service in held if service not in self._addresses], PathState.UNKNOWN)
        self._begin(self._addresses.all())
        if len(self._addresses) and ping_access() is PingAccess.NONE:
            log.warning("this node may not ping, so its paths stay unknown", cure=CURE)

    def configured(self, services: Iterable[EntityId]) -> None:
        """Whole commands came: these services were touched, and perhaps the path monitor itself."""
        monitor = path_monitor(self._inventory.entities)
        if monitor != self._monitor:
            self._monitor = monitor
            self._start_anew()
        self._place(services)

    def heard(self, service: EntityId) -> None:
        """A record of a service came: a domain-based one may have another address by it."""
        if service in self._named:
            self._place((service,))

    def ended(self, reports: list[RunReport]) -> list[RunReport]:
        """Pings ended: what their paths are now. The reports that are of no ping come back."""
        others = [report for report in reports if report.number < FIRST_NUMBER]
        if len(others) < len(reports):
            for report in reports:
                pinged = self._by_number.get(report.number)
                if pinged is not None and pinged.fold.take(_run(report)) == JUDGED:
                    self._judged(pinged)
        return others

    def read_back(self, changes: Iterable[PathChange]) -> None:
        """Reports came from the log: of our own, what is not as we said it is said again."""
        if self._inside:
            for change in changes:
                if change.node == self._node:
                    self.reports.read_back(change.service, change.after)

    def forget_removed(self, partitions: Collection[Partition], is_read: Callable[[EntityId], bool]) -> None:
        """Reports of services that are gone, by nodes that are gone too: whoever folds their partition takes them back.

        A service whose command was not read here is new, not gone.
        """
        services, taken_back = self._inventory.services, 0
        gone = [each for each in self._reported.services() if each not in services and partition_of(each) in partitions]
        for service in [each for each in gone if is_read(each)][:AT_ONCE]:
            paths = self._reported.paths(service)
            for node in (paths.up | paths.down) - {self._node}:
                self.reports.withdraw(service, node)
                taken_back += 1
        if taken_back:
            log.info("reports of removed services taken back", reports=taken_back)

    def _judged(self, pinged: _Pinged) -> None:
        services, why = self._addresses.services_at(pinged.address), pinged.fold.detail
        log.debug("path", address=pinged.address, state=pinged.state.value, services=len(services), why=why or None)
        if pinged.state is not PathState.UNKNOWN:
            self.reports.put(services, pinged.state)

    def _place(self, services: Iterable[EntityId]) -> None:
        """Where these are pinged from now on, and what is reported of them."""
        came: dict[str, None] = {}
        went: list[str] = []
        for service_id in services:
            service = self._inventory.services.get(service_id)
            named = service is not None and service.domain is not None and service.path_monitor
            (self._named.add if named else self._named.discard)(service_id)
            address = pinged_address(service, self._local, self._state_of(service_id) if named else None)
            if address == self._addresses.of(service_id):
                continue
            moved = self._addresses.move(service_id, address)
            came.update(dict.fromkeys(moved.came))
            went += moved.went
            self._tell_at(service_id, address)
        self._follow(Moved(tuple(came), tuple(went)))

    def _tell_at(self, service_id: EntityId, address: str | None) -> None:
        """A service is at an address: what is known of that is reported; of no address, nothing is any more."""
        pinged = self._pinged.get(address or "")
        if address is None:
            self.reports.put((service_id,), PathState.UNKNOWN)
        elif pinged is not None and pinged.state is not PathState.UNKNOWN:
            self.reports.put((service_id,), pinged.state)

    def _follow(self, moved: Moved) -> None:
        """Addresses may have come and gone within one command: what counts is what is needed now."""
        if self._inside:
            self._cease([address for address in moved.went if not self._addresses.services_at(address)])
            self._begin([address for address in moved.came if self._addresses.services_at(address)])

    def _begin(self, addresses: Iterable[str]) -> None:
        """Ping these from now on: the first of them at once, the others some at a time."""
        config = judged_by(self._monitor)
        for address in addresses:
            if address not in self._pinged:
                self._waiting.setdefault(address, BindingFold(config, None))
        if not self._beginning:
            self._begin_some()

    def _begin_some(self) -> None:
        fresh = [self._new(address, self._waiting.pop(address)) for address in list(islice(self._waiting, AT_ONCE))]
        if fresh:
            self._engines.add([path_binding(each.number, each.address, self._monitor) for each in fresh])
            self._engines.set_probing(on=[each.number for each in fresh])
        self._beginning = bool(self._waiting)
        if self._beginning:
            self._call_later(TICK_S, self._begin_some)

    def _new(self, address: str, fold: BindingFold) -> _Pinged:
        pinged = _Pinged(address, self._next_number, fold)
        self._next_number += 1
        self._pinged[address] = self._by_number[pinged.number] = pinged
        return pinged

    def _cease(self, addresses: Iterable[str]) -> None:
        gone = []
        for address in addresses:
            self._waiting.pop(address, None)
            pinged = self._pinged.pop(address, None)
            if pinged is not None:
                del self._by_number[pinged.number]
                gone.append(pinged.number)
        if gone:
            self._engines.remove(gone)

    def _start_anew(self) -> None:
        """The path monitor has other parameters: the same pings under new numbers; what is known stays known."""
        known = {address: pinged.fold for address, pinged in self._pinged.items()} | self._waiting
        config = judged_by(self._monitor)
        for fold in known.values():
            fold.configure(config)
        self._cease(list(known))
        self._waiting = known
        if not self._beginning:
            self._begin_some()


class Host(Protocol):
    """The node, as far as its paths need it."""

    settings: NodeSettings
    identity: NodeIdentity
    engines: EnginePool
    replicas: Replicas
    bulk: OwnProducer
    lease: Lease
    loop: asyncio.AbstractEventLoop

    def now_ms(self) -> int: ...


def make_paths(host: Host, inventory: Inventory) -> Paths:
    """The paths of a node, at the beginning of its life."""
    settings = host.settings
    topic, may_send, call_later = settings.topic(PATH_REPORTS), host.lease.holds, host.loop.call_later
    reports = PathReports(settings.node_id, host.bulk, topic, may_send, call_later, host.now_ms)
    return Paths(
        Member(settings.node_id, host.identity.incarnation, frozenset(settings.hosted_groups)),
        inventory,
        host.engines,
        host.replicas.states.get,
        host.replicas.paths,
        reports,
        call_later,
    )


def path_binding(number: int, address: str, monitor: PathMonitor) -> Binding:
    """An address as engines take it: a ping of no service."""
    return Binding(
        number=number,
        service_id=EntityId(address),
        service_name=address,
        monitor_id=MONITOR_ID,
        monitor_name=NAME,
        kind=TYPE,
        ip=address,
        port=0,
        interval_ms=monitor.interval_ms,
        timeout_ms=monitor.timeout_ms,
        window=max(monitor.retries, monitor.success_retries),
        up_window=monitor.success_retries,
        down_time_ms=monitor.down_time_ms,
        down_after=monitor.failure_retries or monitor.retries,
    )


def judged_by(monitor: PathMonitor) -> BindingConfig:
    """How its pings are judged."""
    return BindingConfig(
        MONITOR_ID,
        retries=monitor.retries,
        failure_retries=monitor.failure_retries,
        success_retries=monitor.success_retries,
        monitor_name=NAME,
    )


def _run(report: RunReport) -> ProbeRun:
    return ProbeRun(
        MONITOR_ID,
        MONITOR_ID,
        report.sequence,
        report.run,
        report.verdict,
        report.reason,
        report.detail,
        report.first_at_ms,
        report.last_at_ms,
        report.count,
        report.response_min_us,
        report.response_avg_us,
        report.response_max_us,
    )
