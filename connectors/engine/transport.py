"""What an engine asks of a transport, and what a transport asks of the engine.

Rule: the engine knows when (due, deadline, run), the transport knows how (sockets, epoll events), the conversation
knows what. Only the transport touches a descriptor, so only it can leak one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from connectors.engine.entry import Entry
from connectors.probes.outcome import Outcome

EventHandler = Callable[[int, int], None]
"""Told (descriptor, epoll events) when a registered descriptor has something."""


class Transport(Protocol):
    """One way to reach a target."""

    def launch(self, entry: Entry) -> None:
        """Begin the entry's probe; report its end through the engine, even if it ends at once."""

    def abandon(self, entry: Entry) -> None:
        """Give up the probe in flight and free what it holds. Nothing is reported."""


class Engine(Protocol):
    """The engine, seen from a transport."""

    handlers: dict[int, EventHandler]
    """Who is told of a descriptor's events."""

    def answered(self, entry: Entry, outcome: Outcome) -> None:
        """The target answered, or refused: the time until now is its response time."""

    def unanswered(self, entry: Entry, outcome: Outcome) -> None:
        """The probe ended without an answer: there is no response time."""

    def broken(self, entry: Entry, error: Exception) -> None:
        """A conversation or a transport has a bug: the probe ends and says so, and its neighbours go on."""
