"""What each receiver has been told, and so what it is to be told now: one book a receiver.

Rule: a book answers a courier's question, "what is there to say of this now?", from the state as it stands, and notes
what was taken. The webhook's outlasts the node: it is the `alerts` topic. An Alertmanager's is this node's alone: it
knows alerts by their labels, wants to hear again and again what goes on, and forgets by itself what nobody renews.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Protocol

from connectors.outbound.notices import ALERT_NAMES, SERVICE_DOWN, Notice, Status
from connectors.replica.alerts import ToldTable
from schemas.alerts import AlertTold
from schemas.codec import encode
from schemas.identifiers import NO_VIEW, EntityId, NodeId
from schemas.states import ServiceState
from streams.folding.alerting import Due, due
from streams.folding.facts import AlertKind

RENEW_S = 60.0
"""Alertmanager takes for over what it was not told of for its `resolve_timeout`, five minutes by default."""
EVENTS = 10_000
"""Alerts of monitors that wait for one receiver; beyond it the oldest goes."""

Subject = EntityId | tuple[EntityId, EntityId, str]
"""A service's state, or one of its monitors and what that asked to be told of."""


def service_of(subject: Subject) -> EntityId:
    """The service that is spoken of."""
    return subject[0] if isinstance(subject, tuple) else subject


class Ground(Protocol):
    """What a book asks of the node."""

    def is_ours(self, service: EntityId) -> bool:
        """Whether this node is to tell of it now."""

    def record(self, service: EntityId) -> ServiceState | None:
        """The last state told of it."""

    def is_explained(self, service: EntityId) -> bool:
        """Whether something that it depends on is DOWN; if so it is looked at again."""

    def now_ms(self) -> int:
        """The wall clock."""

    def now_s(self) -> float:
        """A clock that only goes on."""


class Book:
    """What both have in common."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._events: dict[Subject, Notice] = {}

    def happened(self, notice: Notice, kind: AlertKind, monitor: EntityId) -> Subject:
        """A monitor asked to tell this; the newest of its kind is told."""
        subject = notice.entity_id, monitor, ALERT_NAMES[kind.value]
        if len(self._events) >= EVENTS and subject not in self._events:
            del self._events[next(iter(self._events))]
        self._events[subject] = notice
        return subject

    def drop(self, is_foreign: Callable[[Subject], bool]) -> None:
        """Others tell of these from now on."""
        for subject in [each for each in self._events if is_foreign(each)]:
            del self._events[subject]

    def renewals(self) -> Collection[EntityId]:
        """Services of which the receiver is to hear again."""
        return ()

    def _event(self, subject: Subject) -> Notice | None:
        return self._events.get(subject) if self._ground.is_ours(service_of(subject)) else None

    def _event_told(self, subject: Subject, notice: Notice) -> None:
        if self._events.get(subject) is notice:
            del self._events[subject]

    def _state_word(self, service: EntityId, told_since_ms: int | None, name: str) -> Notice | None:
        """What is to be said of a service's state, by what was said before."""
        if not self._ground.is_ours(service):
            return None
        record = self._ground.record(service)
        state, since_ms = (record.state, record.changed_at_ms) if record else (None, 0)
        match due(state, since_ms, told_since_ms, lambda: self._ground.is_explained(service)):
            case Due.FIRING if record is not None:
                return _state_notice(record, Status.FIRING, since_ms)
            case Due.RESOLVED if record is not None:
                return _state_notice(record, Status.RESOLVED, told_since_ms or since_ms)
            case Due.RESOLVED:
                return _removed_notice(service, name, told_since_ms or since_ms, self._ground.now_ms())
            case _:
                return None


class WebhookBook(Book):
    """`note` writes a record of the `alerts` topic, None for a tombstone."""

    def __init__(
        self, ground: Ground, memory: ToldTable, node_id: NodeId, note: Callable[[bytes, bytes | None], object]
    ) -> None:
        super().__init__(ground)
        self._memory, self._node_id, self._note = memory, node_id, note

    def concerns(self, service: EntityId) -> bool:
        """Whether the receiver was told that it is DOWN: by the topic."""
        told = self._memory.get(service)
        return told is not None and told.is_down

    def word(self, subject: Subject) -> Notice | None:
        """What is to be said of this now."""
        if isinstance(subject, tuple):
            return self._event(subject)
        told = self._memory.get(subject)
        return self._state_word(subject, told.since_ms if told and told.is_down else None, told.name if told else "")

    def told(self, subject: Subject, notice: Notice) -> None:
        """Note it for whoever folds the service next."""
        if isinstance(subject, tuple):
            self._event_told(subject, notice)
        elif notice.view_id == NO_VIEW:
            self._memory.forget(subject)
            self._note(subject.encode(), None)
        else:
            is_down, order = notice.status is Status.FIRING, (notice.view_id, notice.sequence)
            since_ms, now_ms = notice.since_ms, self._ground.now_ms()
            told = AlertTold(*order, subject, notice.service, is_down, since_ms, self._node_id, now_ms)
            self._memory.note(told)
            self._note(subject.encode(), encode(told))


class ManagerBook(Book):
    """What goes on, by what this node told it, and when last."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._active: dict[EntityId, tuple[Notice, float]] = {}

    def concerns(self, service: EntityId) -> bool:
        """Whether the receiver was told that it is DOWN: by this node."""
        return service in self._active

    def drop(self, is_foreign: Callable[[Subject], bool]) -> None:
        """Their next node renews them."""
        super().drop(is_foreign)
        for service in [each for each in self._active if is_foreign(each)]:
            del self._active[service]

    def renewals(self) -> Collection[EntityId]:
        """What it would soon take for over."""
        now_s = self._ground.now_s()
        return [service for service, (_, told_s) in self._active.items() if now_s - told_s > RENEW_S]

    def word(self, subject: Subject) -> Notice | None:
        """What is to be said of this now: news, or what goes on and is to be renewed."""
        if isinstance(subject, tuple):
            return self._event(subject)
        before = self._active.get(subject)
        if before is None:
            return self._state_word(subject, None, "")
        told, told_s = before
        news = self._state_word(subject, told.since_ms, told.service)
        if news is not None and news.status is Status.RESOLVED:
            return replace(news, service=told.service)  # it knows the alert by the name that the service had then
        is_due = self._ground.is_ours(subject) and self._ground.now_s() - told_s > RENEW_S
        return told if news is None and is_due else news

    def told(self, subject: Subject, notice: Notice) -> None:
        """It goes on, or is over."""
        if isinstance(subject, tuple):
            self._event_told(subject, notice)
        elif notice.status is Status.FIRING:
            self._active[subject] = notice, self._ground.now_s()
        else:
            self._active.pop(subject, None)


def _state_notice(record: ServiceState, status: Status, since_ms: int) -> Notice:
    return Notice(
        kind=SERVICE_DOWN,
        status=status,
        entity_id=record.entity_id,
        service=record.name,
        state=record.state.value,
        text=record.cause.text,
        since_ms=since_ms,
        at_ms=record.changed_at_ms,
        view_id=record.view_id,
        sequence=record.sequence,
        owner=record.owner,
    )


def _removed_notice(service: EntityId, name: str, since_ms: int, now_ms: int) -> Notice:
    return Notice(
        kind=SERVICE_DOWN,
        status=Status.RESOLVED,
        entity_id=service,
        service=name,
        state="UNKNOWN",
        text="the service was removed",
        since_ms=since_ms,
        at_ms=now_ms,
        view_id=NO_VIEW,
        sequence=-1,
        owner="",
    )
