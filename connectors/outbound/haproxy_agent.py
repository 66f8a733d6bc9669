"""HAProxy's agent checks, answered from a replica: HAProxy asks for each server, and is told in its own words.

Rule: HAProxy sends a service's name (`agent-send "web-1\\n"`) and gets one line. `up` alone would not end a drain or a
maintenance that an earlier answer began, nor bring back a weight, so every good answer says `ready up 100%`. What is
not known changes nothing: an empty line leaves the server as it is, and so does HAProxy when nobody answers (U-9). Why
not the runtime API: HAProxy asking keeps working through its reloads, and needs no rights on its socket.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress

from structlog import get_logger

from schemas.states import State

log = get_logger()

NAME_BYTES = 256
NAME_S = 2.0
"""A name that does not come by then, or is longer, gets no answer."""
CONNECTIONS = 4_096
"""Questions at once; beyond it the newest is closed unanswered, and HAProxy asks again."""
REASON_CHARACTERS = 120
UNTOLD = re.compile(r"[^\x20-\x7e]")

Answer = tuple[State, str]
"""A service's effective state, and why, for people."""
AnswerOf = Callable[[str], Answer | None]


def agent_line(answer: Answer | None) -> str:
    """HAProxy's words for a state (HAProxy 2.6, `agent-check`); empty: leave the server as it is."""
    if answer is None:
        return ""
    state, why = answer
    match state:
        case State.UP:
            return "ready up 100%"
        case State.DOWN:
            return f"ready down #{UNTOLD.sub('?', why)[:REASON_CHARACTERS]}"
        case State.GOING_OUT_OF_SERVICE:
            return "up drain"
        case State.OUT_OF_SERVICE:
            return "maint"
        case State.UNKNOWN:
            return ""


class HaproxyAgent:
    """A TCP server; all methods on its loop. `answer_of` gives a service's effective state by its name, at once."""

    def __init__(self, answer_of: AnswerOf) -> None:
        self._answer_of = answer_of
        self._server: asyncio.Server | None = None
        self._open = 0
        self.asked = self.unknown = 0
        """Questions answered, and those about services that are not there."""

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which is a free one where 0 was given. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=NAME_BYTES)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= CONNECTIONS:
                await self._answer(reader, writer)
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError) as fault:
            log.debug("agent check not answered", error=type(fault).__name__)
        finally:
            self._open -= 1
            writer.close()
            with suppress(OSError):  # HAProxy hung up first: it has what it wanted
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(NAME_S):
            asked = await reader.readline()
            name = asked.decode("ascii").strip()
            answer = self._answer_of(name)
            self.asked += 1
            if answer is None:
                self.unknown += 1
                log.debug("agent check for an unknown service", service=name[:80])
            writer.write(f"{agent_line(answer)}\n".encode())
            await writer.drain()
