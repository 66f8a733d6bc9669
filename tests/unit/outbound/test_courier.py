"""A courier and a real receiver: what is taken, tried again, refused; and what is never shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from connectors.outbound import courier as module
from connectors.outbound.courier import Courier
from connectors.outbound.notices import Notice, webhook_body
from schemas.identifiers import EntityId, NodeId
from tests.unit.outbound.test_notices import DOWN

SOON_S = 30.0


@dataclass
class Receiver:
    """Answers with the first of `statuses` until one is left; 200 after them."""

    statuses: list[int] = field(default_factory=list)
    unfit: str = ""
    """A service of which no notice is taken."""
    requests: list[tuple[str, list[str]]] = field(default_factory=list)
    """The Authorization and the services of each request."""

    async def take(self, request: web.Request) -> web.Response:
        services = [alert["service"] for alert in json.loads(await request.read())["alerts"]]
        self.requests.append((request.headers.get("Authorization", ""), services))
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        return web.Response(status=400 if self.unfit in services else 204)


@dataclass
class Desk:
    """What there is to say, by subject, and what was taken."""

    words: dict[str, Notice] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def note(self, subject: str, notice: Notice) -> None:
        self.told.append(notice.service)
        if self.words.get(subject) is notice:
            del self.words[subject]


def say(*names: str) -> dict[str, Notice]:
    return {name: replace(DOWN, service=name, entity_id=EntityId(name)) for name in names}


@contextmanager
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.02)
    yield


def carried(
    receiver: Receiver, desk: Desk, until: Callable[[Courier[str]], bool], token: str | None = None
) -> Courier[str]:
    """A courier that was given every subject of the desk, once the condition holds."""

    async def run() -> Courier[str]:
        app = web.Application()
        app.router.add_post("/hook", receiver.take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        body = partial(webhook_body, cluster="blue", node=NodeId("b0"))
        made: Courier[str] = Courier(
            "webhook", f"http://127.0.0.1:{port}/hook?key=hidden", body, desk.words.get, desk.note, token
        )
        for subject in list(desk.words):
            made.put(subject)
        task = asyncio.create_task(made.run())
        async with asyncio.timeout(SOON_S):
            while not until(made):
                assert not task.done(), task
                await asyncio.sleep(0)
        task.cancel()
        await runner.cleanup()
        return made

    return asyncio.run(run())


def idle(courier: Courier[str]) -> bool:
    return len(courier) == 0


def test_what_waits_is_told_together_with_the_token() -> None:
    receiver, desk = Receiver(), Desk(say("web", "api"))
    made = carried(receiver, desk, idle, "s3cret-token")
    assert receiver.requests == [("Bearer s3cret-token", ["web", "api"])]
    assert (made.told, made.failed, made.refused) == (2, 0, 0)
    assert desk.told == ["web", "api"]


def test_what_is_not_taken_is_tried_again_and_nothing_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver, desk = Receiver(statuses=[500, 503, 401, 302]), Desk(say("web"))
    with hurried(monkeypatch), capture_logs() as logs:
        made = carried(receiver, desk, idle, "s3cret-token")
    assert [services for _, services in receiver.requests] == [["web"]] * 5
    assert (made.told, made.failed) == (1, 4)
    assert desk.told == ["web"]
    shown = repr(logs) + repr(made)
    assert "hidden" not in shown
    assert "s3cret" not in shown
    assert [row["why"] for row in logs if "trying again" in row["event"]] == [
        "HTTP 500",
        "HTTP 503",
        "HTTP 401",
        "HTTP 302",
    ]


def test_one_that_cannot_be_taken_does_not_hold_up_the_others() -> None:
    receiver, desk = Receiver(unfit="bad"), Desk(say("a", "bad", "b"))
    with capture_logs() as logs:
        made = carried(receiver, desk, idle)
    assert sorted(desk.told) == ["a", "b"]
    assert made.refused == 1
    assert [row["id"] for row in logs if row["log_level"] == "error"] == [desk.words["bad"].id]


def test_the_newest_word_is_told_and_what_is_no_longer_so_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver, desk = Receiver(statuses=[500]), Desk(say("web", "gone"))

    def after_the_first(courier: Courier[str]) -> bool:
        if courier.failed == 1 and "gone" in desk.words:
            del desk.words["gone"]
            desk.words["web"] = replace(desk.words["web"], service="renamed")
        return idle(courier)

    with hurried(monkeypatch):
        carried(receiver, desk, after_the_first)
    assert desk.told == ["renamed"]
    assert receiver.requests[-1][1] == ["renamed"]


def test_a_receiver_that_is_not_there_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> Courier[str]:
        desk = Desk(say("web"))
        body: Callable[..., bytes] = partial(webhook_body, cluster="blue", node=NodeId("b0"))
        made: Courier[str] = Courier("webhook", "http://127.0.0.1:9/x", body, desk.words.get, desk.note)
        made.put("web")
        task: Awaitable[None] = asyncio.ensure_future(made.run())
        async with asyncio.timeout(SOON_S):
            while made.failed < 3:
                await asyncio.sleep(0)
        asyncio.ensure_future(task).cancel()
        return made

    with hurried(monkeypatch):
        assert len(asyncio.run(run())) == 1
