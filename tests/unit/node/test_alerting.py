"""Which node tells, of what, and what each receiver was told: the books and the fence, without Kafka."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.outbound.notices import Notice, Status
from connectors.replica.alerts import ToldTable
from schemas.alerts import AlertTold
from schemas.codec import decode
from schemas.identifiers import EntityId, NodeId, Partition, ViewId, partition_of
from schemas.states import ServiceState, State
from streams.folding.facts import AlertKind
from streams.node.alert_books import EVENTS, RENEW_S, ManagerBook, WebhookBook
from streams.node.alert_settings import AlertSettings
from streams.node.alerting import SETTLED_TURNS, Alerting, Tenure
from tests.unit.outbound.test_notices import DOWN
from tests.unit.replica.samples import service_state

WEB = EntityId("12-0")
THEN_MS = 1_790_000_000_000


def record(state: State, sequence: int, since_ms: int = THEN_MS) -> ServiceState:
    return replace(service_state(WEB, 5, sequence, state=state, name="web"), changed_at_ms=since_ms)


@dataclass
class Node:
    """What a book asks of a node."""

    held: ServiceState | None = None
    ours: bool = True
    explained: bool = False
    clock_s: float = 0.0
    noted: list[tuple[bytes, bytes | None]] = field(default_factory=list)

    def is_ours(self, service: EntityId) -> bool:
        return self.ours

    def record(self, service: EntityId) -> ServiceState | None:
        return self.held

    def is_explained(self, service: EntityId) -> bool:
        return self.explained

    def now_ms(self) -> int:
        return THEN_MS + 5

    def now_s(self) -> float:
        return self.clock_s

    def note(self, key: bytes, value: bytes | None) -> bool:
        self.noted.append((key, value))
        return True


def say(book: WebhookBook | ManagerBook) -> Notice | None:
    """What the book has to say of the service; it is taken."""
    notice = book.word(WEB)
    if notice is not None:
        book.told(WEB, notice)
    return notice


def webhook(node: Node, memory: ToldTable | None = None) -> WebhookBook:
    return WebhookBook(node, memory or ToldTable(), NodeId("b0"), node.note)


def test_what_the_webhook_took_is_noted_and_told_no_more_by_whoever_reads_it() -> None:
    node = Node(record(State.DOWN, 7))
    notice = say(webhook(node))
    assert notice is not None
    assert notice.id == f"{WEB}/SERVICE_DOWN/{THEN_MS}/firing"
    (key, value), memory = node.noted[0], ToldTable()
    told = decode(AlertTold, value)
    assert (key, told) == (b"12-0", AlertTold(ViewId(5), 7, WEB, "web", True, THEN_MS, NodeId("b0"), THEN_MS + 5))
    memory.note(told)
    successor = Node(replace(record(State.DOWN, 9), view_id=ViewId(6)))
    book = webhook(successor, memory)
    assert book.concerns(WEB)
    assert say(book) is None
    successor.held = record(State.UP, 10, THEN_MS + 60_000)
    over = say(book)
    assert over is not None
    assert over.id == f"{WEB}/SERVICE_DOWN/{THEN_MS}/resolved"
    assert not book.concerns(WEB)
    assert say(book) is None


def test_a_note_that_comes_late_does_not_undo_a_newer_one() -> None:
    memory = ToldTable()
    down = AlertTold(ViewId(5), 7, WEB, "web", True, THEN_MS, NodeId("b0"), THEN_MS)
    memory.note(replace(down, sequence=8, is_down=False))
    memory.note(down)
    memory.note(replace(down, view_id=ViewId(4), sequence=90))
    assert memory.down() == []
    memory.note(replace(down, view_id=ViewId(6), sequence=1))
    assert memory.down() == [WEB]


def test_a_service_that_was_removed_is_over_under_its_name_and_forgotten() -> None:
    node = Node(record(State.DOWN, 7))
    book = webhook(node)
    say(book)
    node.held = None
    over = say(book)
    assert over is not None
    assert (over.service, over.status, over.text) == ("web", Status.RESOLVED, "the service was removed")
    assert node.noted[-1] == (b"12-0", None)
    assert say(book) is None


@pytest.mark.parametrize("make", [webhook, ManagerBook])
def test_what_is_not_ours_or_is_explained_is_not_told(make: Any) -> None:
    node = Node(record(State.DOWN, 7), ours=False)
    book = make(node)
    assert book.word(WEB) is None
    node.ours, node.explained = True, True
    assert book.word(WEB) is None
    node.explained = False
    assert book.word(WEB) is not None


def test_alertmanager_hears_again_what_goes_on_and_nothing_of_what_another_node_has_now() -> None:
    node = Node(record(State.DOWN, 7))
    book = ManagerBook(node)
    first = say(book)
    assert say(book) is None
    node.clock_s = RENEW_S + 1
    assert list(book.renewals()) == [WEB]
    assert say(book) == first
    assert not book.renewals()
    book.drop(lambda subject: subject == WEB)
    node.held = record(State.UP, 8)
    assert say(book) is None, "its next node tells the end"


def test_alertmanager_hears_the_end_under_the_name_that_it_knows() -> None:
    node = Node(record(State.DOWN, 7))
    book = ManagerBook(node)
    say(book)
    node.held = replace(record(State.UP, 8), name="renamed")
    over = say(book)
    assert over is not None
    assert (over.service, over.status) == ("web", Status.RESOLVED)


def test_of_a_monitor_the_newest_is_told_and_too_many_push_out_the_oldest() -> None:
    node = Node(record(State.UP, 7))
    book = webhook(node)
    slow = replace(DOWN, kind="RESPONSE_SLOW", monitor="http")
    in_time = replace(slow, kind="RESPONSE_IN_TIME", status=Status.RESOLVED)
    subject = book.happened(slow, AlertKind.RESPONSE_SLOW, EntityId("1-0"))
    assert book.happened(in_time, AlertKind.RESPONSE_IN_TIME, EntityId("1-0")) == subject
    assert book.word(subject) is in_time
    book.told(subject, slow)
    assert book.word(subject) is in_time, "slow was on its way while this came"
    for number in range(EVENTS):
        book.happened(slow, AlertKind.PROBES_FAILED, EntityId(f"{number}-9"))
    assert book.word(subject) is None


def test_a_partition_is_told_of_once_it_has_been_here_for_a_while_and_no_longer_than_that() -> None:
    tenure, both = Tenure(), frozenset((Partition(1), Partition(2)))
    for _ in range(SETTLED_TURNS - 1):
        assert tenure.turn(both) == (frozenset(), frozenset())
    assert tenure.turn(both) == (both, frozenset())
    assert tenure.turn(frozenset((Partition(1),))) == (frozenset(), {Partition(2)})
    assert tenure.ours == {Partition(1)}
    assert tenure.turn(frozenset()) == (frozenset(), {Partition(1)})


@pytest.mark.parametrize("missing", ["view", "group", "lease", "nothing"])
def test_S2_only_the_folding_node_of_the_view_tells_and_only_under_its_lease(missing: str) -> None:
    ours = frozenset((partition_of(WEB),))
    lease = SimpleNamespace(held=True)
    lease.holds = lambda: lease.held
    inventory = SimpleNamespace(services={})
    host = SimpleNamespace(our_partitions=ours, lease=lease, monitoring=SimpleNamespace(inventory=inventory))
    folds = SimpleNamespace(partitions=ours)
    alerting = Alerting(host, folds, lambda _: ())  # type: ignore[arg-type]
    for _ in range(SETTLED_TURNS):
        assert not alerting.is_ours(WEB)
        alerting.turn()
    if missing == "view":
        host.our_partitions = frozenset()
    elif missing == "group":
        folds.partitions = frozenset()
    elif missing == "lease":
        lease.held = False
    assert alerting.is_ours(WEB) is (missing == "nothing")


def test_addresses_and_the_token_are_checked_and_never_shown() -> None:
    settings = AlertSettings("https://chat.example.org/hidden", ("http://127.0.0.1:9093",), "hidden")
    assert settings.wanted
    assert "hidden" not in repr(settings)
    assert not AlertSettings().wanted
    for wrong in ("ftp://x/hidden", "hidden", "http://", "http://x:99999/hidden", "http://x/hid den"):
        with pytest.raises(ValueError, match="--alert-webhook is no address") as refused:
            AlertSettings(wrong)
        assert "hid" not in str(refused.value)
        with pytest.raises(ValueError, match="--alertmanager is no address"):
            AlertSettings(alertmanagers=(wrong,))
    with pytest.raises(ValueError, match="for --alert-webhook"):
        AlertSettings(token="hidden")
