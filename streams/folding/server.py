"""Step 7e: the server of a service: its address, and for a domain-based one the two bindings of D-1.

A name's address changes while the service runs, and no state may ever stand beside an address that it was not found at
(D-3). So a domain-based service has two bindings of each monitor: the primary one probes the address in use, whose
verdicts are the service's state; the secondary one probes the newly resolved address, and counts for nothing until it
has a verdict for the service. Then it becomes the primary one, and address and state go out in one record. Until then
the old address and its state stand, which is also why an answer that is withdrawn again harms nobody. Both are probed
by the owner, by the engine that the monitor's and the service's names give (D-2). Why not a second server of the same
name, used beside the first: the source speaks of one service whose address changes, not of two servers.

When DNS gives no address the one in use stays, with the time of the last answer (D-4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from copy import copy
from dataclasses import dataclass, replace

from schemas.identifiers import EntityId
from schemas.probes import ProbeRun, Reason, Resolution
from schemas.states import DomainInfo, ServiceState, State
from streams.folding.binding import BindingFold, new_bindings
from streams.folding.events import BindingConfig, ServiceConfig
from streams.folding.weights import decide


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The address in use. `domain` None: the configuration gives it. `ip_address` is empty before the first answer."""

    ip_address: str
    ttl_s: int | None = None
    domain: DomainInfo | None = None

    def after(self, said: Resolution) -> ServerInfo:
        """The same address, with what DNS said last of its name."""
        known = said.resolved_at_ms or (self.domain.resolved_at_ms if self.domain else None)
        ttl_s = said.ttl_s if said.ip_address == self.ip_address else self.ttl_s
        return replace(self, ttl_s=ttl_s, domain=DomainInfo(said.domain, known, said.reason, said.detail))


NO_SERVER = ServerInfo("")


def server_of(config: ServiceConfig, now: ServerInfo, record: ServiceState | None) -> ServerInfo:
    """The server as configured from now on: `now` or the record's where the name is the same.

    A service that was given another name keeps its address until the new name has one that was probed.
    """
    if not config.domain:
        return ServerInfo(config.ip_address)
    if now.domain is not None and now.domain.domain == config.domain:
        return now
    held = ServerInfo(record.ip_address, record.ttl_s, record.domain) if record else NO_SERVER
    if held.domain is not None and held.domain.domain == config.domain:
        return held
    return ServerInfo(held.ip_address, None, DomainInfo(config.domain, None, Reason.UNKNOWN, "not resolved yet"))


class Secondary:
    """The secondary bindings of a domain-based service: the address that DNS gives now, not yet in use."""

    __slots__ = ("bindings", "ip_address", "said")

    def __init__(self, said: Resolution, configs: Iterable[BindingConfig]) -> None:
        self.said = said
        self.ip_address = said.ip_address
        self.bindings = {config.monitor_id: BindingFold(config, None) for config in configs if config.follows_address}

    @property
    def server(self) -> ServerInfo:
        """What the primary server information is once this address is in use."""
        said = self.said
        domain = DomainInfo(said.domain, said.resolved_at_ms, said.reason, said.detail)
        return ServerInfo(said.ip_address, said.ttl_s, domain)

    def configured(self, config: ServiceConfig, before: ServiceConfig | None) -> Secondary | None:
        """The same under a changed configuration; None where the target is another one now."""
        if before is None or (config.domain, config.port) != (before.domain, before.port) or not config.enabled:
            return None
        following = tuple(bound for bound in config.bindings if bound.follows_address)
        self.bindings = new_bindings(following, self.bindings, {})
        return self

    def binding_of(self, run: ProbeRun) -> BindingFold | None:
        """Whose run it is; None for one at another address, or of a monitor that is not bound."""
        return self.bindings.get(run.monitor_id) if run.ip_address == self.ip_address else None

    def merged(self, primary: dict[EntityId, BindingFold]) -> dict[EntityId, BindingFold]:
        """The service's bindings if this address were in use: those that probe elsewhere stay as they are."""
        return {monitor_id: self.bindings.get(monitor_id, binding) for monitor_id, binding in primary.items()}

    def copy(self) -> Secondary:
        """The same, to try something on."""
        twin = copy(self)
        twin.bindings = {monitor_id: copy(binding) for monitor_id, binding in self.bindings.items()}
        return twin


def secondary_after(
    now: Secondary | None, server: ServerInfo, said: Resolution, configs: Iterable[BindingConfig]
) -> Secondary | None:
    """The secondary bindings after DNS spoke: none if it gave the address in use, or never gave one."""
    if said.ip_address in ("", server.ip_address):
        return None
    if now is None or now.ip_address != said.ip_address:
        return Secondary(said, configs)
    now.said = said
    return now


def has_verdict(config: ServiceConfig, bindings: Collection[BindingFold]) -> bool:
    """Whether these bindings say by themselves what the service's state is: nothing of an earlier address counts."""
    counting = [(binding.state, binding.config.weight) for binding in bindings if binding.config.counts]
    if not (config.enabled and counting):
        return True
    return decide(State.UNKNOWN, counting, config.threshold)[0] is not State.UNKNOWN


def is_news(before: DomainInfo | None, after: DomainInfo | None) -> bool:
    """Whether people should be told what DNS said: a fault began, changed or ended."""
    was, now = (before.reason, before.detail) if before else None, (after.reason, after.detail) if after else None
    began = before is None or before.reason is Reason.UNKNOWN
    return was != now and not (began and after is not None and after.reason is Reason.OK)


def resolution_text(server: ServerInfo) -> str:
    """Such as `DNS: no such name (NXDOMAIN); 10.0.0.5 stays`."""
    domain = server.domain
    if domain is None or domain.reason is Reason.OK:
        return f"DNS: {domain.domain if domain else ''} has an address again"
    if not server.ip_address:
        return f"DNS: {domain.domain}: {domain.detail}; never resolved so far"
    return f"DNS: {domain.domain}: {domain.detail}; the address {server.ip_address} stays"


def takeover_text(before: ServerInfo, after: ServerInfo, judged: BindingFold | None) -> str:
    """Such as `address of example.test 10.0.0.5 to 10.0.0.6; tcp: OK (1 of 1 probes succeeded)`."""
    name = after.domain.domain if after.domain else ""
    change = f"{before.ip_address} to {after.ip_address}" if before.ip_address else f"is {after.ip_address}"
    return f"address of {name} {change}" + (f"; {judged.cause_text()}" if judged else "")


def show_unresolved(bindings: Iterable[BindingFold], server: ServerInfo, now_ms: int) -> None:
    """Bindings of a name that never had an address show what DNS said, as probes that could not be made."""
    if server.ip_address or server.domain is None or server.domain.reason is Reason.OK:
        return
    for binding in bindings:
        if binding.config.follows_address:
            binding.unresolved(server.domain.reason, server.domain.detail, now_ms)
