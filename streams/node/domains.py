"""Steps 5 and 6 of the flow for domain-based services: the owner resolves, probes at the addresses, and says so.

Rule (D-1, D-2): only who watches a service resolves its name. It begins with the address in the service's record, as
the last owner left it; when DNS gives another, that one is probed beside it, and when a record comes that names it,
the fold has taken it over and the old one is probed no more. What DNS says reaches the fold with the results
(`Resolution`). Why the record decides and not DNS: else the owner could cease to probe an address still in use.

An address that the node's target policy refuses is no address: a name that is made to point at what must not be probed
is told as a fault, and the last address stays. The engines ask the policy again right before each probe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from structlog import get_logger

from connectors.engine.binding import Binding
from connectors.resolver.answers import NoAnswer, Outcome, Question
from connectors.resolver.schedule import chosen, held_ttl_s
from schemas.identifiers import EntityId
from schemas.inventory.services import MonitoredService
from schemas.probes import Reason, Resolution
from schemas.states import ServiceState
from streams.node.inventory import Inventory

log = get_logger()


class Watcher(Protocol):
    """Who keeps a service told of a name's address: `connectors.resolver.resolver.Resolver`."""

    def watch(self, service: EntityId, question: Question) -> None: ...

    def unwatch(self, service: EntityId, question: Question) -> None: ...


class Engines(Protocol):
    """Who probes: `connectors.engine.pool.EnginePool`."""

    def add(self, bindings: Iterable[Binding]) -> None: ...

    def remove(self, numbers: Iterable[int]) -> None: ...

    def set_probing(self, on: Iterable[int] = (), off: Iterable[int] = (), resumed: Iterable[int] = ()) -> None: ...


@dataclass(slots=True)
class _Named:
    """A service being watched. `in_use` is the address of its record, empty before the first."""

    question: Question
    in_use: str
    said: Resolution | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where to probe: the primary address, then the secondary one (D-1)."""
        wanted = self.said.ip_address if self.said else ""
        return tuple(dict.fromkeys(address for address in (self.in_use, wanted) if address))


class Domains:
    """The loop's thread. `tell(services)` is asked to send what is now held of these names."""

    def __init__(
        self,
        inventory: Inventory,
        engines: Engines,
        state_of: Callable[[EntityId], ServiceState | None],
        resolver: Watcher,
        tell: Callable[[Iterable[EntityId]], None],
        refusal: Callable[[str], str | None],
        now_ms: Callable[[], int],
    ) -> None:
        self._inventory = inventory
        self._engines = engines
        self._state_of = state_of
        self._resolver = resolver
        self._tell = tell
        self._refusal = refusal
        self._now_ms = now_ms
        self._named: dict[EntityId, _Named] = {}

    def __contains__(self, service: object) -> bool:
        return service in self._named

    def __len__(self) -> int:
        return len(self._named)

    def resolution_of(self, service: EntityId) -> Resolution | None:
        """What is held of a service's name; None before DNS has said anything, and for any other service."""
        named = self._named.get(service)
        return named.said if named else None

    def begin(self, services: Iterable[EntityId], at_once: bool = False) -> None:
        """This node watches these services from now on; those without a name are none of ours.

        `at_once`: probe now, although another node has just done so.
        """
        for service_id in services:
            service = self._inventory.services.get(service_id)
            if service is not None and service.domain is not None and service_id not in self._named:
                self._watch(service, at_once)

    def end(self, services: Iterable[EntityId]) -> None:
        """Others watch these now."""
        for service_id in services:
            named = self._named.pop(service_id, None)
            if named is not None:
                self._resolver.unwatch(service_id, named.question)
                self._move(service_id, ())

    def configured(self, services: Iterable[EntityId], watched: Iterable[EntityId]) -> None:
        """These services were changed; a name that is another one now is another question."""
        ours = frozenset(watched)
        for service_id in services:
            service, named = self._inventory.services.get(service_id), self._named.get(service_id)
            if named is not None and (service is None or _question(service) != named.question):
                self.end((service_id,))
            if service_id in ours:
                self.begin((service_id,))

    def told(self, service_id: EntityId, question: Question, outcome: Outcome) -> None:
        """DNS has spoken."""
        named = self._named.get(service_id)
        if named is None or named.question != question:
            return
        before, named.said = named.said, self._said(service_id, named, outcome)
        if before is None or _news(before) != _news(named.said):
            log.info("resolved", name=question.name, address=named.said.ip_address, why=named.said.detail or None)
            self._move(service_id, named.addresses)
            self._tell((service_id,))

    def heard(self, service_id: EntityId) -> None:
        """A record of the service came: the address in it is the one in use."""
        named, state = self._named.get(service_id), self._state_of(service_id)
        if named is None or state is None or state.ip_address == named.in_use:
            return
        named.in_use = state.ip_address
        self._move(service_id, named.addresses)

    def _watch(self, service: MonitoredService, at_once: bool) -> None:
        state, question = self._state_of(service.entity_id), _question(service)
        assert question is not None, f"{service.name} was begun as a domain-based service, and has no name"
        named = self._named[service.entity_id] = _Named(question, state.ip_address if state else "")
        self._move(service.entity_id, named.addresses, resumed=state is not None and not at_once)
        self._resolver.watch(service.entity_id, question)

    def _said(self, service_id: EntityId, named: _Named, outcome: Outcome) -> Resolution:
        """What is held now: the answer's address, or the last one and why there is no other."""
        name = named.question.name
        last = named.said or self._held(service_id, named)
        if isinstance(outcome, NoAnswer):
            return replace(last, reason=outcome.reason, detail=outcome.detail)
        refused = {address: why for address in outcome.addresses if (why := self._refusal(address)) is not None}
        allowed = [address for address in outcome.addresses if address not in refused]
        if not allowed:
            why = refused[min(refused)]
            return replace(last, reason=Reason.NO_PERMISSION, detail=f"DNS gives an address that is refused: {why}")
        address = chosen(allowed, (named.in_use, last.ip_address), service_id)
        return Resolution(service_id, name, address, held_ttl_s(outcome.ttl_s), self._now_ms(), Reason.OK, "")

    def _held(self, service_id: EntityId, named: _Named) -> Resolution:
        """What the record says, before this node's own resolver has answered."""
        state = self._state_of(service_id)
        domain = state.domain if state else None
        known = domain is not None and domain.domain == named.question.name
        ttl_s, resolved_at_ms = (state.ttl_s, domain.resolved_at_ms) if state and domain and known else (None, None)
        return Resolution(service_id, named.question.name, named.in_use, ttl_s, resolved_at_ms, Reason.OK, "")

    def _move(self, service_id: EntityId, addresses: tuple[str, ...], resumed: bool = False) -> None:
        added, removed = self._inventory.move(service_id, addresses)
        if removed:
            self._engines.remove(removed)
        if added:
            self._engines.add(added)
            numbers = [binding.number for binding in added]
            self._engines.set_probing(on=() if resumed else numbers, resumed=numbers if resumed else ())


def _question(service: MonitoredService) -> Question | None:
    domain = service.domain
    return None if domain is None else Question(domain.name, domain.query_type, domain.retry_ms)


def _news(said: Resolution) -> tuple[str, Reason, str]:
    return said.ip_address, said.reason, said.detail
