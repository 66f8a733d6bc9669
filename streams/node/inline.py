"""Passive monitors on this node: whom a telling goes to, and what this node makes of it for itself (M-13, A-3).

Rule: what is told of a service goes to its passive bindings. Where this node is the owner it counts: the pool's feed
makes runs of it. And on every node, the owner too, it is judged by the same rule as in the fold and kept in memory,
shown on that node's page of the service: traffic through another node may fare otherwise, and its clients with it. The
local judgement is not told to anyone. Why keep it beside the fold's: the fold has only the owner's word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from connectors.engine.passive import PassiveFeed
from connectors.probes.inline import PASSIVE, Traffic
from schemas.config import Setting
from schemas.identifiers import EntityId
from schemas.inventory.services import MonitorBinding, MonitoredService
from schemas.probes import Verdict
from streams.folding.history import History, Rule, rule_of
from streams.node.inventory import Inventory
from streams.web.source import InlineJudgement

Local = Mapping[EntityId, tuple[History, InlineJudgement]]
"""By monitor. Never changed, only replaced: other threads read it."""


class Inline:
    """The loop's thread; `judgements` also from others."""

    def __init__(self, inventory: Inventory, feed: PassiveFeed, now_ms: Callable[[], int]) -> None:
        self._inventory = inventory
        self._feed = feed
        self._now_ms = now_ms
        self._names: dict[str, EntityId] = {}
        """Services with passive monitors, by name."""
        self._held: dict[EntityId, tuple[str, str]] = {}
        """Name and address of each of them."""
        self._addresses: dict[str, tuple[EntityId, ...]] = {}
        self._local: dict[EntityId, Local] = {}

    def configured(self, services: Iterable[EntityId]) -> None:
        """These services may be others now: forget what is no longer fed."""
        for service_id in services:
            self._forget_place(service_id)
            service = self._inventory.services.get(service_id)
            fed = [] if service is None else passive(service)
            known = {bound.monitor_id for bound in fed}
            before = self._local.pop(service_id, {})
            if left := {monitor_id: held for monitor_id, held in before.items() if monitor_id in known}:
                self._local[service_id] = left
            if service is not None and fed:
                self._keep_place(service)

    def service_named(self, name: str) -> EntityId | None:
        """A service that has passive monitors; None if there is none of that name."""
        return self._names.get(name)

    def addresses(self) -> Mapping[str, tuple[EntityId, ...]]:
        """Services with passive monitors by `address:port`; a domain-based one is only known by name."""
        return dict(self._addresses)

    def told(self, service_id: EntityId, traffic: Traffic, kind: str | None = None) -> int:
        """What came of real traffic, for monitors of this kind, or of every passive kind; how many were told."""
        service = self._inventory.services.get(service_id)
        fed = [] if service is None else [bound for bound in passive(service) if kind in (None, bound.type)]
        wanted = {bound.monitor_id for bound in fed}
        for bound in fed:
            self._judge(service_id, bound, traffic)
        for number in self._inventory.numbers_of([service_id]):
            if self._inventory.numbered[number].binding.monitor_id in wanted:
                self._feed.feed(number, traffic)
        return len(fed)

    def judgements(self, service_id: EntityId) -> Sequence[InlineJudgement]:
        """What this node was told of a service, and makes of it."""
        return [judged for _, judged in self._local.get(service_id, {}).values()]

    def _judge(self, service_id: EntityId, bound: MonitorBinding, traffic: Traffic) -> None:
        local = self._local.get(service_id, {})
        new = History(), InlineJudgement(bound.monitor_id, bound.monitor_name, bound.type)
        history, before = local.get(bound.monitor_id, new)
        rule, tally = binding_rule(bound.settings), PASSIVE[bound.type].tally(bound.probe, traffic)
        reverse = bound.settings["reverse"] is True
        for outcome in tally.outcomes(max(rule.retries, rule.success_retries)):
            history = history.push(rule, (outcome.verdict is Verdict.DOWN) is not reverse)
        failure = tally.failure if tally.failures else None
        after = replace(
            before,
            state=history.state,
            successes=before.successes + tally.successes,
            failures=before.failures + tally.failures,
            reason=failure.reason if failure else before.reason,
            detail=failure.detail if failure else before.detail,
            told_at_ms=self._now_ms(),
        )
        self._local[service_id] = {**local, bound.monitor_id: (history, after)}

    def _keep_place(self, service: MonitoredService) -> None:
        service_id, host = service.entity_id, f"[{service.ip}]" if ":" in service.ip else service.ip
        address = f"{host}:{service.port}" if service.ip else ""
        self._held[service_id] = service.name, address
        self._names[service.name] = service_id
        if address:
            self._addresses[address] = (*self._addresses.get(address, ()), service_id)

    def _forget_place(self, service_id: EntityId) -> None:
        name, address = self._held.pop(service_id, ("", ""))
        if self._names.get(name) == service_id:
            del self._names[name]
        left = tuple(one for one in self._addresses.get(address, ()) if one != service_id)
        if left:
            self._addresses[address] = left
        else:
            self._addresses.pop(address, None)


def passive(service: MonitoredService) -> list[MonitorBinding]:
    """The passive monitors of a service that are in use."""
    return [bound for bound in service.bindings if bound.enabled and bound.type in PASSIVE]


def binding_rule(settings: Mapping[str, Setting]) -> Rule:
    """The rule that the fold judges this monitor by."""
    retries, failures, successes = (settings[name] for name in ("retries", "failure_retries", "success_retries"))
    assert isinstance(retries, int)
    assert isinstance(failures, int)
    assert isinstance(successes, int)
    return rule_of(retries, failures, successes)
