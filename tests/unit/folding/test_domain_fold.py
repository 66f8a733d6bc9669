"""Step 7 for domain-based services: primary and secondary bindings, address and state in one record, DNS away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from schemas.identifiers import NodeId, ViewId
from schemas.probes import ProbeResults, ProbeRun, Reason, Resolution, Verdict
from schemas.states import CauseKind, State
from streams.folding.batch import fold_results
from streams.folding.events import BindingConfig
from streams.folding.facts import Fact, Refusal
from streams.folding.service import ServiceFold
from tests.unit.folding.builders import (
    B0,
    B1,
    CONFIG,
    CONFIG_SOURCE,
    HTTP_BOUND,
    SOURCE,
    TCP,
    WEB,
    new_fold,
    probed,
    refusals,
    sender,
    states,
    transitions,
)

NAMED = replace(CONFIG, ip_address="", domain="web.test")
OLD, NEW = "10.0.0.5", "10.0.0.6"


def said(ip_address: str = OLD, reason: Reason = Reason.OK, detail: str = "", at_ms: int | None = 900) -> Resolution:
    return Resolution(WEB, "web.test", ip_address, 30 if at_ms else None, at_ms, reason, detail)


def nothing(ip_address: str = "", detail: str = "no such name (NXDOMAIN)") -> Resolution:
    return said(ip_address, Reason.UNRESOLVED, detail, 900 if ip_address else None)


def at(ip_address: str, run: ProbeRun) -> ProbeRun:
    return replace(run, ip_address=ip_address)


def take(fold: ServiceFold, resolution: Resolution, *runs: ProbeRun, now_ms: int = 1_000) -> Sequence[Fact]:
    """A batch of the owner, as it comes: what DNS said, and runs."""
    results = ProbeResults(B0, "b0-first", ViewId(3), now_ms, (), runs, (resolution,))
    return fold_results({WEB: fold}, results, SOURCE, lambda _service, _view: B0, now_ms)


def up_at_old() -> ServiceFold:
    fold = new_fold(NAMED)
    take(fold, said(), at(OLD, probed(1)))
    return fold


def failed(sequence: int, run: int = 1, count: int = 1) -> ProbeRun:
    return probed(sequence, Verdict.DOWN, run, count, detail="HTTP 503")


def test_D3_the_first_address_comes_with_the_first_state() -> None:
    fold = new_fold(NAMED)
    (first,) = states(fold.claimed(sender(), B0, 900))
    assert (first.ip_address, first.state) == ("", State.UNKNOWN)
    assert not states(take(fold, said()))
    (told,) = states(take(fold, said(), at(OLD, probed(1))))
    assert (told.ip_address, told.state, told.ttl_s) == (OLD, State.UP, 30)
    assert told.cause.kind is CauseKind.RESOLUTION
    assert told.cause.text.startswith("address of web.test is 10.0.0.5; http-web: ")
    assert told.domain is not None
    assert (told.domain.domain, told.domain.resolved_at_ms, told.domain.reason) == ("web.test", 900, Reason.OK)


def test_D1_D3_a_new_address_takes_over_with_its_first_verdict_in_one_record() -> None:
    fold = up_at_old()
    assert not states(take(fold, said(NEW), at(OLD, probed(2, count=2))))
    assert not states(take(fold, said(NEW), at(NEW, failed(3)), at(NEW, failed(4, count=2))))
    assert fold.record is not None
    assert (fold.record.ip_address, fold.record.state) == (OLD, State.UP)
    facts = take(fold, said(NEW), at(NEW, failed(5, count=3)))
    (told,) = states(facts)
    assert (told.ip_address, told.state) == (NEW, State.DOWN)
    assert told.cause.text == "address of web.test 10.0.0.5 to 10.0.0.6; http-web: HTTP 503 (3 of 3 probes failed)"
    assert [line.after for line in transitions(facts)] == [State.DOWN]


def test_D3_a_state_that_stays_is_told_with_its_new_address() -> None:
    fold = up_at_old()
    facts = take(fold, said(NEW), at(NEW, probed(2, run=2)))
    (told,) = states(facts)
    assert (told.ip_address, told.state, transitions(facts)) == (NEW, State.UP, [])


def test_D1_what_the_primary_binding_finds_meanwhile_is_the_services_state() -> None:
    fold = up_at_old()
    take(fold, said(NEW), at(NEW, failed(2)))
    (told,) = states(take(fold, said(NEW), at(OLD, failed(3, run=2, count=3))))
    assert (told.ip_address, told.state) == (OLD, State.DOWN)


def test_D1_an_answer_that_is_withdrawn_changes_nothing() -> None:
    fold = up_at_old()
    take(fold, said(NEW), at(NEW, failed(2)))
    assert not states(take(fold, said(OLD)))
    assert refusals(take(fold, said(OLD), at(NEW, failed(3, count=3)))) == [Refusal.OTHER_ADDRESS]
    assert fold.record is not None
    assert fold.record.ip_address == OLD


def test_D3_what_the_old_address_still_says_is_refused_after_the_takeover() -> None:
    fold = up_at_old()
    take(fold, said(NEW), at(NEW, probed(2, run=2)))
    facts = take(fold, said(NEW), at(OLD, failed(3, run=3, count=9)))
    assert (refusals(facts), states(facts)) == ([Refusal.OTHER_ADDRESS], [])


def test_D3_every_counting_binding_must_be_judged_at_the_new_address() -> None:
    fold = new_fold(replace(NAMED, bindings=(HTTP_BOUND, BindingConfig(TCP))))
    take(fold, said(), at(OLD, probed(1)), at(OLD, probed(2, monitor=TCP)))
    assert not states(take(fold, said(NEW), at(NEW, probed(3, run=2))))
    (told,) = states(take(fold, said(NEW), at(NEW, probed(4, run=2, monitor=TCP))))
    assert (told.ip_address, told.up_weight) == (NEW, 2)


def test_D3_a_monitor_with_a_destination_of_its_own_keeps_its_judgement() -> None:
    elsewhere = BindingConfig(TCP, follows_address=False)
    fold = new_fold(replace(NAMED, bindings=(HTTP_BOUND, elsewhere)))
    take(fold, said(), at(OLD, probed(1)), probed(2, monitor=TCP))
    (told,) = states(take(fold, said(NEW), at(NEW, probed(3, run=2))))
    assert (told.ip_address, told.state, told.up_weight) == (NEW, State.UP, 2)


@pytest.mark.parametrize("change", [{"enabled": False}, {"bindings": ()}])
def test_D3_where_nothing_is_probed_an_address_is_taken_at_once(change: dict[str, object]) -> None:
    fold = new_fold(replace(NAMED, **change))  # type: ignore[arg-type]
    fold.claimed(sender(), B0, 900)
    (told,) = states(take(fold, said()))
    assert told.ip_address == OLD


@pytest.mark.parametrize(
    ("reason", "detail"),
    [
        (Reason.TIMEOUT_RESOLVE, "no answer"),
        (Reason.UNRESOLVED, "server failure (SERVFAIL)"),
        (Reason.UNRESOLVED, "no such name (NXDOMAIN)"),
    ],
)
def test_D4_without_an_answer_the_last_address_stays_and_says_so_once(reason: Reason, detail: str) -> None:
    fold = up_at_old()
    away = said(OLD, reason, detail)
    (told,) = states(take(fold, away, now_ms=60_000))
    assert (told.ip_address, told.state, told.ttl_s) == (OLD, State.UP, 30)
    assert told.cause.text == f"DNS: web.test: {detail}; the address 10.0.0.5 stays"
    assert told.domain is not None
    assert (told.domain.resolved_at_ms, told.domain.reason, told.domain.detail) == (900, reason, detail)
    assert not states(take(fold, away, now_ms=65_000))
    (again,) = states(take(fold, said(at_ms=70_000), now_ms=70_000))
    assert (again.cause.text, again.state) == ("DNS: web.test has an address again", State.UP)


def test_D4_a_name_never_resolved_is_unknown_and_says_what_dns_answered() -> None:
    fold = new_fold(NAMED)
    (told, *_) = reversed(states(take(fold, nothing())))
    assert (told.ip_address, told.state) == ("", State.UNKNOWN)
    assert told.cause.text == "DNS: web.test: no such name (NXDOMAIN); never resolved so far"
    (binding,) = told.bindings
    assert binding.last_at_ms == 1_000
    assert (binding.verdict, binding.reason, binding.detail) == (
        Verdict.INCONCLUSIVE,
        Reason.UNRESOLVED,
        "no such name (NXDOMAIN)",
    )


def test_D4_a_new_time_to_live_is_no_news() -> None:
    fold = up_at_old()
    assert not states(take(fold, replace(said(), ttl_s=7, resolved_at_ms=30_000), now_ms=30_000))
    (told,) = states(take(fold, said(OLD, Reason.TIMEOUT_RESOLVE, "no answer", 30_000), now_ms=60_000))
    assert told.domain is not None
    assert told.domain.resolved_at_ms == 30_000


def test_D2_a_new_owner_goes_on_from_the_address_in_the_record() -> None:
    before = up_at_old().record
    fold = new_fold(NAMED, before)
    (told,) = states(fold.claimed(sender(4, B1), B1, 5_000))
    assert (told.owner, told.ip_address, told.ttl_s, told.state) == (B1, OLD, 30, State.UP)
    run = at(OLD, probed(1))
    assert not refusals(fold.reported(sender(4, B1), B1, [run], 5_100))


def test_D2_another_owners_half_tried_address_is_forgotten() -> None:
    fold = up_at_old()
    take(fold, said(NEW), at(NEW, failed(2)))
    fold.claimed(sender(4, B1), B1, 5_000)
    assert fold.secondary is None


def test_D2_only_the_owner_is_believed() -> None:
    fold = up_at_old()
    facts = fold.resolved(sender(3, NodeId("b9")), B0, said(NEW), 2_000)
    assert (refusals(facts), fold.secondary) == ([Refusal.NOT_OWNER], None)


def test_D1_another_name_keeps_the_address_until_the_new_one_has_its_verdict() -> None:
    fold = up_at_old()
    (told,) = states(fold.configured(replace(NAMED, domain="shop.test"), CONFIG_SOURCE, 2_000))
    assert (told.ip_address, told.state) == (OLD, State.UP)
    assert told.cause.text == "configuration: address web.test:80 to shop.test:80"
    assert refusals(take(fold, said(NEW))) == [Refusal.OTHER_ADDRESS]
    renamed = replace(said(NEW), domain="shop.test")
    (told,) = states(take(fold, renamed, at(NEW, probed(2, run=2))))
    assert (told.ip_address, told.domain and told.domain.domain) == (NEW, "shop.test")


def test_D1_from_an_address_to_a_name_and_back() -> None:
    fold = new_fold()
    fold.reported(sender(), B0, [probed(1)], 1_000)
    (told,) = states(fold.configured(NAMED, CONFIG_SOURCE, 2_000))
    assert (told.ip_address, told.state) == ("10.0.0.1", State.UP)
    (told,) = states(take(fold, said(NEW), at(NEW, probed(2, run=2))))
    assert told.ip_address == NEW
    (told,) = states(fold.configured(CONFIG, CONFIG_SOURCE, 3_000))
    assert (told.ip_address, told.domain, told.ttl_s) == ("10.0.0.1", None, None)


def test_a_fold_made_from_its_record_tells_nothing() -> None:
    before = up_at_old().record
    assert ServiceFold(WEB, before).configured(NAMED, CONFIG_SOURCE, 9_000) == ()


def test_a_copy_of_a_fold_tries_an_address_by_itself() -> None:
    fold = up_at_old()
    take(fold, said(NEW), at(NEW, failed(2)))
    twin = fold.copy()
    take(twin, said(NEW), at(NEW, failed(3, count=3)))
    assert (fold.server.ip_address, twin.server.ip_address) == (OLD, NEW)
