"""The monitor table of one engine (C-1): every binding of the node, and which of them are schedulable here.

Rule (C-5): a row is schedulable if the node probes the service (M-14) and this engine owns the binding; otherwise the
row only stays. So moving a binding, to another engine or another node, is a flag and not a copy. What becomes
schedulable is probed soon, spread out; what ceases to be loses its probe in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from connectors.engine.binding import Binding
from connectors.engine.due_times import DueTimes
from connectors.engine.entry import NEVER, Entry
from connectors.engine.placement import acting_engine
from connectors.engine.schedule import FIRST_WITHIN_MS, first_due_ms
from connectors.engine.transport import Transport
from connectors.probes.contract import Wire


class Table:
    """Rows by the binding's number. `give_up` is told of every row that is no longer probed."""

    def __init__(
        self,
        index: int,
        engines: int,
        transports: dict[Wire, Transport],
        due: DueTimes[Entry],
        give_up: Callable[[Entry], None],
    ) -> None:
        self.entries: dict[int, Entry] = {}
        self.scheduled = 0
        """Rows that are schedulable."""
        self._index = index
        self._engines = engines
        self._alive: Sequence[int] = ()
        """Nothing is owned before the node has said who lives: so a starting engine doubles nobody's probes."""
        self._transports = transports
        self._due = due
        self._give_up = give_up

    def add(self, bindings: Iterable[Binding], now_ms: int) -> None:
        """Add or replace rows. A new row is not probed until `set_probing`; a replaced one keeps its flag."""
        for binding in bindings:
            former = self.entries.get(binding.number)
            probing = former is not None and former.probing
            if former is not None:
                self._change(former, former.owned, False, now_ms)
            entry = self.entries[binding.number] = Entry(binding, self._transports)
            if former is not None:
                entry.run.run = former.run.run
            self._change(entry, self._owns(entry.placement), probing, now_ms)

    def remove(self, numbers: Iterable[int]) -> None:
        """Drop rows; a number that is not there is passed over."""
        for number in numbers:
            entry = self.entries.pop(number, None)
            if entry is not None:
                self._change(entry, False, False, 0)

    def set_probing(self, numbers: Iterable[int], probing: bool, now_ms: int, within_ms: int = FIRST_WITHIN_MS) -> None:
        """The node begins or ceases to probe these (M-14); a number that is not there is passed over."""
        for number in numbers:
            entry = self.entries.get(number)
            if entry is not None:
                self._change(entry, entry.owned, probing, now_ms, within_ms)

    def expect(self, numbers: Iterable[int]) -> None:
        """These are about to begin here, and known to succeed."""
        for number in numbers:
            entry = self.entries.get(number)
            if entry is not None and entry.owned and not entry.probing:
                entry.expected = True

    def set_alive(self, alive: Sequence[int], now_ms: int) -> None:
        """These engines live, ascending: the bindings of the others spread over them (C-15)."""
        self._alive = alive
        for entry in self.entries.values():
            self._change(entry, self._owns(entry.placement), entry.probing, now_ms)

    def _owns(self, value: int) -> bool:
        return acting_engine(value, self._engines, self._alive) == self._index

    def _change(self, entry: Entry, owned: bool, probing: bool, now_ms: int, within_ms: int = FIRST_WITHIN_MS) -> None:
        was = entry.schedulable
        entry.owned, entry.probing = owned, probing
        if entry.schedulable == was:
            return
        if was:
            self.scheduled -= 1
            entry.due_ms = NEVER
            entry.expected = False
            self._give_up(entry)
            return
        self.scheduled += 1
        entry.run.interrupt()
        entry.downs = 0
        entry.due_ms = first_due_ms(now_ms, entry.binding.interval_ms, entry.spread, within_ms)
        self._due.put(entry.due_ms, entry)
