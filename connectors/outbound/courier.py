"""Carries what is due to one receiver over HTTP: a request at a time, again and again until it is taken.

Rule: what waits is a list of subjects, not of messages: what to say of each is asked for right before it leaves, so the
newest word is told, what is no longer so is not, and there is at most one entry a subject. A receiver that is away or
answers with an error is tried again after a pause that doubles; one that will not take a body (400, 413, 422) gets each
notice by itself, and what it refuses even then is left out. Neither the address's path, which may be a secret, nor the
token is ever logged. Nothing here blocks the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import aiohttp
from structlog import get_logger

from connectors.outbound.notices import Notice

log = get_logger()

POST_S = 5.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
TOGETHER = 100
"""Notices in one request."""
LOOKED_AT = 200
"""Subjects that are asked about before others on the loop have their turn."""
UNFIT = frozenset({400, 413, 422})
TAKEN = range(200, 300)

Subject = TypeVar("Subject", bound=Hashable)


class Courier(Generic[Subject]):
    """`word` gives what is to be said of a subject now, None: nothing; `told` hears what was taken. All on one loop."""

    def __init__(
        self,
        name: str,
        url: str,
        body: Callable[[Iterable[Notice]], bytes],
        word: Callable[[Subject], Notice | None],
        told: Callable[[Subject, Notice], None],
        token: str | None = None,
    ) -> None:
        self.name = name
        self._url, self._body, self._word, self._note = url, body, word, told
        self._headers = {"Content-Type": "application/json", "User-Agent": "watchbill"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._waiting: dict[Subject, None] = {}
        self._wanted = asyncio.Event()
        self._together = TOGETHER
        self._trouble = ""
        self.told = self.failed = self.refused = 0
        """Notices taken, requests that were not, and notices that the receiver will not take."""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, subject: Subject) -> None:
        """There may be something to say of this."""
        self._waiting[subject] = None
        self._wanted.set()

    def drop(self, is_foreign: Callable[[Subject], bool]) -> None:
        """What others have to tell from now on."""
        for subject in [each for each in self._waiting if is_foreign(each)]:
            del self._waiting[subject]

    async def run(self) -> None:
        """Until cancelled."""
        pause_s = FIRST_PAUSE_S
        timeout = aiohttp.ClientTimeout(total=POST_S)
        async with aiohttp.ClientSession(timeout=timeout, headers=self._headers) as session:
            while True:
                await self._wanted.wait()
                batch = dict(islice(self._due(), self._together))
                if not batch:
                    await asyncio.sleep(0)
                elif await self._carry(session, batch):
                    pause_s = FIRST_PAUSE_S
                else:
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _due(self) -> Iterator[tuple[Subject, Notice]]:
        """Of some that wait those that have something to say; the others wait no more."""
        for subject in list(islice(self._waiting, LOOKED_AT)):
            notice = self._word(subject)
            if notice is not None:
                yield subject, notice
            else:
                del self._waiting[subject]
        if not self._waiting:
            self._wanted.clear()

    async def _carry(self, session: aiohttp.ClientSession, batch: dict[Subject, Notice]) -> bool:
        """Whether to go on at once."""
        status, why = await self._post(session, self._body(batch.values()))
        if status in TAKEN:
            self._together = TOGETHER
            self.told += len(batch)
            for subject, notice in batch.items():
                self._waiting.pop(subject, None)
                self._note(subject, notice)
                self.put(subject)  # it may have become another meanwhile
            self._tell_trouble("")
            return True
        self.failed += 1
        self._tell_trouble(why)
        if status not in UNFIT:
            return False
        if len(batch) > 1:
            self._together = 1
            return True
        self.refused += 1
        for subject, notice in batch.items():
            log.error("the receiver will not take an alert", receiver=self.name, at=self._place, id=notice.id, why=why)
            self._waiting.pop(subject, None)
        return True

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> tuple[int, str]:
        try:
            async with session.post(self._url, data=body, allow_redirects=False) as response:
                return response.status, f"HTTP {response.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            return 0, type(fault).__name__

    @property
    def _place(self) -> str:
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def _tell_trouble(self, why: str) -> None:
        """Once when it begins or becomes another, once when it is over."""
        if why and why != self._trouble:
            log.warning("alerts are not taken: trying again", receiver=self.name, at=self._place, why=why)
        elif self._trouble and not why:
            log.info("alerts are taken again", receiver=self.name, at=self._place)
        self._trouble = why
