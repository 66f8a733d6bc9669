"""Step 6 of the flow: what the owner learns of the link to each service, and when it is worth telling (S-1).

Rule: a link is looked at when a run of successes begins, which is when something may have changed: the engine has read
the segment size off the connection that succeeded, and the kernel has just spoken with the neighbour. It is told beside
the service's runs until the service's record shows it, so a lost batch loses nothing and no fact makes traffic of its
own. Only monitors that probe the service's own address say anything of it. Why not a route's metric: it is what the
interface could carry, and not what the two ends agreed upon.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from connectors.engine.runs import RunReport
from connectors.link.neighbours import Neighbour
from schemas.identifiers import EntityId
from schemas.probes import Link, Verdict
from schemas.states import ServiceState
from streams.node.inventory import Inventory, Numbered

NeighbourOf = Callable[[str, float], Neighbour | None]


class Links:
    """The loop's thread."""

    def __init__(
        self,
        inventory: Inventory,
        state_of: Callable[[EntityId], ServiceState | None],
        neighbour_of: NeighbourOf,
        clock_s: Callable[[], float],
    ) -> None:
        self._inventory = inventory
        self._state_of = state_of
        self._neighbour_of = neighbour_of
        self._clock_s = clock_s
        self._known: dict[EntityId, Link] = {}
        self._runs: dict[int, int] = {}
        """Binding number -> the run at whose begin it was looked at."""
        self._untold: set[EntityId] = set()

    def reported(self, reports: Iterable[RunReport]) -> None:
        """Engines reported: a run of successes that is new is looked at."""
        for report in reports:
            if report.verdict is not Verdict.UP or self._runs.get(report.number) == report.run:
                continue
            known = self._inventory.numbered.get(report.number)
            if known is not None:
                self._runs[report.number] = report.run
                self._look(known, report.mss)

    def ended(self, services: Collection[EntityId]) -> None:
        """Others watch these now: what they learn is theirs to tell."""
        for service_id in services:
            if self._known.pop(service_id, None) is not None:
                self._untold.discard(service_id)
        self.forget(self._inventory.numbers_of(services))

    def forget(self, numbers: Iterable[int]) -> None:
        """These bindings are gone."""
        for number in numbers:
            self._runs.pop(number, None)

    def news_of(self, service_id: EntityId) -> Link | None:
        """What the service's record does not show yet."""
        if service_id not in self._untold:
            return None
        link, state = self._known[service_id], self._state_of(service_id)
        if state is not None and shows(state, link):
            self._untold.discard(service_id)
            return None
        return link

    def _look(self, known: Numbered, mss: int) -> None:
        service_id, address = known.binding.service_id, known.binding.ip
        service = self._inventory.services.get(service_id)
        if service is None or address != (known.ip_address or service.ip):
            return
        before = self._known.get(service_id)
        found = self._neighbour_of(address, self._clock_s())
        link = Link(
            service_id,
            mss or (before.mss if before else None),
            found.mac if found else None,
            found.vlan if found else None,
            found.channel if found else None,
        )
        if link != before:
            self._known[service_id] = link
            self._untold.add(service_id)


def shows(state: ServiceState, link: Link) -> bool:
    """Whether a record says what is known of the link."""
    held = state.layer_two
    layer_two = (held.mac, held.vlan, held.channel) if held else (None, None, None)
    return (state.mss, layer_two) == (link.mss, (link.mac, link.vlan, link.channel))
