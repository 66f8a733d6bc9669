"""Step 9 towards people: this node tells a webhook and Alertmanagers of the services that it folds, and of no others.

Rule: one sender a service: the node to which the view held gives its partition, while the lease holds; both are asked
again right before each telling. What is told is read from the states as they stand in Kafka, so nothing is told that a
successor would not find. A partition that comes here is looked through once, a little later than it is folded, so that
what its last node told is read by then. Why not alert from the fold: its word may not have left yet, and die with the
node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, Protocol

from structlog import get_logger

from connectors.kafka.producer import OwnProducer
from connectors.kafka.settings import KafkaAccess
from connectors.outbound.courier import Courier
from connectors.outbound.notices import Notice, Status, alertmanager_body, webhook_body
from connectors.replica.alerts import AlertReplica
from connectors.replica.base import NotReady
from connectors.replica.states import Applied
from schemas.identifiers import EntityId, Partition, partition_of
from schemas.states import ServiceState, State
from schemas.topics import ALERTS
from streams.agents.folds import Folds
from streams.folding.alerting import speaks
from streams.folding.facts import Alert, AlertKind
from streams.node.alert_books import ManagerBook, Subject, WebhookBook, service_of
from streams.node.lease import Lease
from streams.node.monitoring import Monitoring
from streams.node.replicas import Replicas
from streams.node.settings import NodeSettings
from streams.web.source import Receiver

log = get_logger()

TURN_S = 0.1
SETTLED_TURNS = 5
"""So many turns after a partition has come here it is looked through."""
AT_ONCE = 1_000
"""Services of a partition that has come looked at in one turn, some microseconds each."""
EXPLAINED_AT_ONCE = 100
"""What something else explains, looked at again in one turn."""
READY_S = 30.0
AGAIN_S = 1.0
ALERTS_PATH = "/api/v2/alerts"

Desk = tuple[WebhookBook | ManagerBook, Courier[Subject]]
"""A receiver's book, and who carries to it."""


class Host(Protocol):
    """The node, as far as alerts need it."""

    settings: NodeSettings
    access: KafkaAccess
    lease: Lease
    monitoring: Monitoring
    replicas: Replicas
    bulk: OwnProducer
    loop: asyncio.AbstractEventLoop

    @property
    def our_partitions(self) -> frozenset[Partition]: ...

    def now_ms(self) -> int: ...


class Tenure:
    """Partitions of which this node is to tell: those that it has had for SETTLED_TURNS."""

    def __init__(self) -> None:
        self.ours: frozenset[Partition] = frozenset()
        self._coming: dict[Partition, int] = {}

    def turn(self, held: frozenset[Partition]) -> tuple[frozenset[Partition], frozenset[Partition]]:
        """What has come, to be looked through, and what is others' now."""
        self._coming = {each: self._coming.get(each, SETTLED_TURNS) - 1 for each in held - self.ours}
        come = frozenset(each for each, turns in self._coming.items() if turns <= 0)
        lost = self.ours - held
        self.ours = (self.ours & held) | come
        return come, lost


class Alerting:
    """The loop's thread, but for `_applied`. It is the ground of its books."""

    def __init__(self, host: Host, folds: Folds, roots_of: Callable[[EntityId], Collection[EntityId]]) -> None:
        self._host, self._folds, self._roots_of = host, folds, roots_of
        self._tenure = Tenure()
        self._looking: Iterator[EntityId] = iter(())
        self._explained: dict[EntityId, None] = {}
        self._memory: AlertReplica | None = None
        self._desks: tuple[Desk, ...] = ()

    def runs(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What is to run beside the node's work: nothing where nobody is told."""
        return (self._run(),) if self._host.settings.alerts.wanted else ()

    def figures(self) -> tuple[Receiver, ...]:
        """Of each receiver."""
        return tuple(Receiver(each.name, len(each), each.told, each.failed, each.refused) for _, each in self._desks)

    def is_ours(self, service: EntityId) -> bool:
        """Asked right before a telling: the view, the group or the lease may have changed since the last turn."""
        partition, held = partition_of(service), (self._host.our_partitions, self._folds.partitions)
        return all(partition in each for each in (self._tenure.ours, *held)) and self._host.lease.holds()

    def record(self, service: EntityId) -> ServiceState | None:
        """As it stands in Kafka."""
        return self._host.replicas.states.get(service)

    def is_explained(self, service: EntityId) -> bool:
        """By the states of now; what is explained is looked at again until it is not."""
        explained = bool(self._roots_of(service))
        if explained:
            self._explained[service] = None
        return explained

    def now_ms(self) -> int:
        """The node's."""
        return self._host.now_ms()

    def now_s(self) -> float:
        """The loop's."""
        return self._host.loop.time()

    async def _run(self) -> None:
        tasks: list[asyncio.Task[None]] = []
        settings = self._host.settings
        if settings.alerts.webhook is not None:
            self._memory = AlertReplica(settings.bootstrap, settings.cluster, access=self._host.access)
        try:
            await self._remember()
            self._desks = tuple(self._made())
            tasks = [asyncio.create_task(_kept(courier), name=courier.name) for _, courier in self._desks]
            self._host.replicas.states.on_applied(self._applied)
            self._folds.on_alert = self._happened
            while True:
                self.turn()
                await asyncio.sleep(TURN_S)
        finally:
            for task in tasks:
                task.cancel()
            if self._memory is not None:
                await asyncio.to_thread(self._memory.close)

    async def _remember(self) -> None:
        """Until what was told before is read: else everything that is DOWN would be told again."""
        while self._memory is not None and not self._memory.ready:
            try:
                await asyncio.to_thread(self._memory.wait_ready, READY_S)
            except NotReady as fault:
                log.error("no alert leaves before the alerts topic is read", why=str(fault))
                await asyncio.sleep(AGAIN_S)

    def _made(self) -> Iterator[Desk]:
        settings = self._host.settings
        alerts, topic = settings.alerts, settings.topic(ALERTS)
        if alerts.webhook is not None and self._memory is not None:
            note = partial(self._host.bulk.send, topic, 0)
            book = WebhookBook(self, self._memory.table, settings.node_id, note)
            body = partial(webhook_body, cluster=settings.cluster, node=settings.node_id)
            yield book, Courier("webhook", alerts.webhook, body, book.word, book.told, alerts.token)
        for number, url in enumerate(alerts.alertmanagers):
            manager = ManagerBook(self)
            body = partial(alertmanager_body, cluster=settings.cluster, node_url=settings.web_url)
            where = f"{url.rstrip('/')}{ALERTS_PATH}"
            yield manager, Courier(f"alertmanager-{number}", where, body, manager.word, manager.told)

    def _applied(self, changes: Sequence[Applied]) -> None:
        """On the replica's thread."""
        services = [change.entity_id for change in changes]
        self._host.loop.call_soon_threadsafe(self._touched, services)

    def _touched(self, services: Iterable[EntityId]) -> None:
        for service in services:
            if partition_of(service) in self._tenure.ours:
                self._look(service)

    def _look(self, service: EntityId) -> None:
        """Leave a service to the couriers whose receivers may have to hear of it."""
        is_down = self._host.replicas.states.state_of(service) is State.DOWN
        for book, courier in self._desks:
            if is_down or book.concerns(service):
                courier.put(service)

    def _happened(self, alert: Alert) -> None:
        """A monitor asked for this, and nothing that its service depends on explains it."""
        service, record = alert.entity_id, self.record(alert.entity_id)
        if record is None or not speaks(record.state) or partition_of(service) not in self._tenure.ours:
            return
        notice = _monitor_notice(alert, record, self._monitor_name(service, alert.monitor_id))
        for book, courier in self._desks:
            courier.put(book.happened(notice, alert.kind, alert.monitor_id))

    def _monitor_name(self, service: EntityId, monitor: EntityId) -> str:
        known = self._host.monitoring.inventory.services.get(service)
        names = (bound.monitor_name for bound in known.bindings if bound.monitor_id == monitor) if known else ()
        return next(iter(names), monitor)

    def turn(self) -> None:
        """What no event brings, a few at a time."""
        self._settle_partitions()
        for service in islice(self._looking, AT_ONCE):
            self._look(service)
        for service in list(islice(self._explained, EXPLAINED_AT_ONCE)):
            del self._explained[service]
            self._look(service)
        for book, courier in self._desks:
            for service in book.renewals():
                courier.put(service)

    def _settle_partitions(self) -> None:
        """Ours to tell: by the view, by the group, under the lease, and for a little while already."""
        host = self._host
        come, lost = self._tenure.turn(
            host.our_partitions & self._folds.partitions if host.lease.holds() else frozenset()
        )
        if lost:
            self._let_go(lost)
        if come:
            known = [*host.monitoring.inventory.services, *(self._memory.table.down() if self._memory else ())]
            self._looking = chain(self._looking, (each for each in known if partition_of(each) in come))

    def _let_go(self, lost: frozenset[Partition]) -> None:
        def is_foreign(subject: Subject) -> bool:
            return partition_of(service_of(subject)) in lost

        for book, courier in self._desks:
            book.drop(is_foreign)
            courier.drop(is_foreign)


async def _kept(courier: Courier[Subject]) -> None:
    """A fault in one telling does not end the others."""
    while True:
        try:
            await courier.run()
        except Exception:
            log.exception("telling failed", receiver=courier.name)
            await asyncio.sleep(AGAIN_S)


def _monitor_notice(alert: Alert, record: ServiceState, monitor: str) -> Notice:
    status = {
        AlertKind.PROBES_FAILED: Status.HAPPENED,
        AlertKind.RESPONSE_SLOW: Status.FIRING,
        AlertKind.RESPONSE_IN_TIME: Status.RESOLVED,
    }[alert.kind]
    return Notice(
        kind=alert.kind.value,
        status=status,
        entity_id=alert.entity_id,
        service=record.name,
        state=record.state.value,
        text=alert.text,
        since_ms=alert.at_ms,
        at_ms=alert.at_ms,
        view_id=record.view_id,
        sequence=record.sequence,
        owner=record.owner,
        monitor=monitor,
    )
