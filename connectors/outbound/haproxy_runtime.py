"""HAProxy's servers, set through its stats socket as their services are: at a change at once, and else once a second.

Rule: each turn reads how HAProxy holds its servers and says what differs. So a HAProxy that was restarted, reloaded or
away is right again a second after it answers, and nothing need be remembered of what was told. Only servers that are
mapped are touched; those that HAProxy checks itself are left alone, for two who set one health would never agree. What
is not known changes nothing, and without Kafka the last states stay (U-9). Why not agent checks (`haproxy_agent`): they
need a line for each server and tell at HAProxy's next question; this needs rights on its socket instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from structlog import get_logger

from connectors.haproxy_socket import NoAnswer, ask
from connectors.outbound.haproxy_servers import COMMAND, Mapped, Server, Standing, replies, standings, words
from schemas.states import State

log = get_logger()

EVERY_S = 1.0
PAUSE_S = 0.1
"""Between two turns, however often states change meanwhile: HAProxy has other work."""
LINE_BYTES = 4_000
"""Commands of one line, which HAProxy reads into one buffer (tune.bufsize, 16 KB)."""

Answer = tuple[State, str]
"""A service's effective state, and why, for people."""
AnswerOf = Callable[[str], Answer | None]


class HaproxyRuntime:
    """`where` is the path of a stats socket of level admin, or HOST:PORT. `answer_of` is asked on another thread."""

    def __init__(self, where: str, mapped: Mapped, answer_of: AnswerOf) -> None:
        self._where, self._mapped, self._answer_of = where, mapped, answer_of
        self._troubles: frozenset[str] = frozenset()
        self.set = 0
        """Servers that were given another state or health."""

    async def run(self, changed: asyncio.Event) -> None:
        """Until cancelled. `changed` is set, on this loop, by who hears of another state."""
        while True:
            changed.clear()
            try:
                await self.turn()
            except Exception:
                log.exception("setting HAProxy's servers failed", where=self._where)
            await asyncio.sleep(PAUSE_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), EVERY_S - PAUSE_S)

    async def turn(self) -> None:
        """One look, and what it calls for."""
        troubles = frozenset(await asyncio.to_thread(self._reconcile))
        for trouble in sorted(troubles - self._troubles):
            log.warning(trouble, where=self._where)
        if self._troubles and not troubles:
            log.info("HAProxy's servers are all as their services are", where=self._where)
        self._troubles = troubles

    def _reconcile(self) -> set[str]:
        """What is wrong, in words that stay the same while it is."""
        try:
            held = standings(ask(self._where, COMMAND))
            return {*self._not_there(held), *self._set_all(held)}
        except (OSError, NoAnswer, ValueError) as error:
            return {f"cannot set HAProxy's servers: {type(error).__name__}: {error}"[:300]}

    def _not_there(self, held: Mapping[Server, Standing]) -> Iterator[str]:
        backends = {backend for backend, _ in held}
        for backend, server in self._mapped.services.keys() - held.keys():
            yield f"HAProxy has no server {backend}/{server}: mend the mapping"
        for backend in self._mapped.backends - backends:
            yield f"HAProxy has no backend {backend}, or no server there: mend the mapping"

    def _set_all(self, held: Mapping[Server, Standing]) -> Iterator[str]:
        wanted: list[tuple[Server, str, State, str]] = []
        for server, standing in held.items():
            service = self._mapped.service_of(server)
            answer = None if service is None else self._answer_of(service)
            if service is None:
                continue
            if answer is None:
                yield f"there is no service {service}: server {'/'.join(server)} stays as it is"
            elif standing.checked:
                yield f"server {'/'.join(server)} has checks of HAProxy's own and is left alone: take its `check` away"
            else:
                wanted += [(server, word, *answer) for word in words(standing, answer[0])]
        for some in _lines(wanted):
            yield from self._say(some)

    def _say(self, wanted: list[tuple[Server, str, State, str]]) -> Iterator[str]:
        """One line of commands; what HAProxy would not do."""
        line = ";".join(_command(server, word) for server, word, _, _ in wanted)
        said = replies(ask(self._where, f"{line}\n".encode()))
        if len(said) != len(wanted):
            yield f"HAProxy answered {len(said)} of {len(wanted)} commands: {' '.join(said)[:200]!r}"
            return
        for (server, word, state, why), refusal in zip(wanted, said, strict=True):
            if refusal:
                mend = ": its stats socket must be of level admin" if "ermission" in refusal else ""
                yield f"HAProxy would not `{_command(server, word)}`: {refusal[:200]}{mend}"
            else:
                self.set += 1
                log.info("server set", server="/".join(server), to=word, state=state.value, why=why)


def _command(server: Server, word: str) -> str:
    return f"set server {'/'.join(server)} {word}"


def _lines(wanted: Iterable[tuple[Server, str, State, str]]) -> Iterator[list[tuple[Server, str, State, str]]]:
    """As many at once as fit in one line, in their order."""
    some: list[tuple[Server, str, State, str]] = []
    length = 0
    for each in wanted:
        size = len(_command(each[0], each[1])) + 1
        if some and length + size > LINE_BYTES:
            yield some
            some, length = [], 0
        some.append(each)
        length += size
    if some:
        yield some
