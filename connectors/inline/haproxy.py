"""Reads HAProxy's statistics once a second and feeds passive monitors with what happened since.

Rule: HAProxy is asked on a thread, because a table of ten thousand servers takes longer to read than the node's loop
may wait; what is fed is fed on the loop, some dozens of servers at a time. A HAProxy that is away is told of once, and
tried again each second: the monitors fed from it become INCONCLUSIVE by themselves. The first reading after an absence
of more than STALE_S only begins anew, for what happened meanwhile is no news any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic

from structlog import get_logger

from connectors.haproxy_socket import NoAnswer, ask
from connectors.inline.haproxy_statistics import (
    COMMAND,
    Reading,
    Server,
    http_traffic,
    readings,
    tcp_traffic,
)
from connectors.probes.inline import HTTP_INLINE, TCP_INLINE, Traffic
from schemas.identifiers import EntityId

log = get_logger()

EVERY_S = 1.0
STALE_S = 10.0
FED_AT_ONCE = 50
"""Servers between two looks of the loop at its other work: feeding one takes some 0.1 ms."""

Targets = Callable[[], Mapping[str, tuple[EntityId, ...]]]
"""Services with passive monitors by `address:port`, as HAProxy writes it."""
Feed = Callable[[EntityId, Traffic, str], object]
"""(service, what came of its traffic, the kind of monitor that this is for)."""


class HaproxyReader:
    """`where` is the path of a stats socket, or HOST:PORT. `run` until cancelled, on the node's loop."""

    def __init__(self, where: str, targets: Targets, feed: Feed) -> None:
        self._where = where
        self._targets = targets
        self._feed = feed
        self._before: dict[Server, Reading] = {}
        self._read_s = 0.0
        self._trouble = ""

    async def run(self) -> None:
        """Read and feed, once a second."""
        while True:
            began_s = monotonic()
            try:
                await self.turn()
            except Exception:
                log.exception("a reading of HAProxy's statistics failed", where=self._where)
            await asyncio.sleep(max(0.0, began_s + EVERY_S - monotonic()))

    async def turn(self) -> None:
        """One reading."""
        targets = self._targets()
        try:
            after = await asyncio.to_thread(read, self._where, targets)
        except (OSError, NoAnswer, ValueError) as error:
            self._told(f"{type(error).__name__}: {error}"[:300])
            return
        self._told("")
        now_s = monotonic()
        before, self._before = self._before, after
        fresh = now_s - self._read_s < STALE_S
        self._read_s = now_s
        if fresh:
            await self._feed_all(before, after, targets)

    async def _feed_all(
        self,
        before: Mapping[Server, Reading],
        after: Mapping[Server, Reading],
        targets: Mapping[str, tuple[EntityId, ...]],
    ) -> None:
        for place, (server, reading) in enumerate(after.items(), 1):
            was = before.get(server)
            if was is not None and was.address == reading.address:
                for service_id in targets[reading.address]:
                    self._feed_one(service_id, server, was, reading)
            if place % FED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _feed_one(self, service_id: EntityId, server: Server, before: Reading, after: Reading) -> None:
        for kind, between in ((HTTP_INLINE, http_traffic), (TCP_INLINE, tcp_traffic)):
            traffic = between(server, before, after)
            if traffic is not None and (traffic.successes or traffic.failures or traffic.statuses):
                self._feed(service_id, traffic, kind)

    def _told(self, trouble: str) -> None:
        """Say once that it is away, and once that it is back."""
        if trouble and trouble != self._trouble:
            log.warning("cannot read HAProxy's statistics", where=self._where, why=trouble)
        elif self._trouble and not trouble:
            log.info("HAProxy's statistics can be read again", where=self._where)
        self._trouble = trouble


def read(where: str, targets: Mapping[str, tuple[EntityId, ...]]) -> dict[Server, Reading]:
    """The servers that are targets, as they stand now. Raises OSError, NoAnswer, or ValueError for no number."""
    text = ask(where, COMMAND)
    found = {server: reading for server, reading in readings(text) if reading.address in targets}
    if not found and targets and "," in text and not any(True for _ in readings(text)):
        raise NoAnswer("it tells no server's address: its stats socket must be of level operator or admin")
    return found
