"""A real HAProxy whose servers are set through its stats socket: every state from every other, and what stays alone."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connectors.haproxy_socket import ask
from connectors.outbound.haproxy_runtime import Answer, HaproxyRuntime
from connectors.outbound.haproxy_servers import Mapped, read_mapping
from schemas.states import State
from tests.servers.proxied import listens, short_folder
from tests.servers.running import free_port, needed, running

MANY = 300
CONFIGURATION = """
global
    stats socket {folder}/admin.sock mode 600 level admin
    stats socket {folder}/operator.sock mode 600 level operator
defaults
    mode http
    timeout connect 500ms
    timeout client 1s
    timeout server 500ms
listen web
    bind 127.0.0.1:{port}
    server one 127.0.0.1:9
    server other 127.0.0.1:9
    server closed 127.0.0.1:9 disabled
    server checked 127.0.0.1:9 check inter 1h
    server tracking 127.0.0.1:9 track checked
backend many
    server-template m 1-{many} 127.0.0.1:9
"""
STATUS = {
    State.UP: "no check",
    State.DOWN: "DOWN",
    State.GOING_OUT_OF_SERVICE: "DRAIN",
    State.OUT_OF_SERVICE: "MAINT",
}
"""What HAProxy calls a server that it does not check itself."""
ONE = read_mapping(["web/one=web-1"])


@contextmanager
def haproxy(folder: Path) -> Iterator[Path]:
    """A HAProxy with that configuration, from its beginning; its socket of level admin."""
    port = free_port()
    (folder / "haproxy.cfg").write_text(CONFIGURATION.format(folder=folder, port=port, many=MANY))
    command = [needed("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]
    with running(command, port, folder, ready=lambda: listens(folder / "admin.sock")):
        yield folder / "admin.sock"


@pytest.fixture(scope="module")
def admin() -> Iterator[Path]:
    with short_folder() as folder, haproxy(folder) as where:
        yield where


def statuses(where: Path, backend: str = "web") -> dict[str, str]:
    rows = csv.DictReader(io.StringIO(ask(str(where), b"show stat -1 4 -1\n").removeprefix("# ")))
    return {row["svname"]: row["status"] for row in rows if row["pxname"] == backend}


def turn(where: Path, answers: dict[str, Answer], mapped: Mapped = ONE) -> tuple[int, list[str]]:
    """One look: how many commands were carried out, and what was complained of."""
    feed = HaproxyRuntime(str(where), mapped, answers.get)
    with capture_logs() as logs:
        asyncio.run(feed.turn())
    return feed.set, [row["event"] for row in logs if row["log_level"] == "warning"]


@pytest.mark.parametrize(("before", "after"), list(permutations(STATUS, 2)))
def test_a_server_is_as_its_service_is_from_whatever_it_was(admin: Path, before: State, after: State) -> None:
    for state in (before, after):
        turn(admin, {"web-1": (state, "")})
        assert statuses(admin)["one"].split("/")[0].strip() == STATUS[state]
    assert turn(admin, {"web-1": (after, "")}) == (0, []), "what is so already is not said again"


def test_what_is_not_known_changes_nothing(admin: Path) -> None:
    for state in STATUS:
        turn(admin, {"web-1": (state, "")})
        before = statuses(admin)
        assert turn(admin, {"web-1": (State.UNKNOWN, "")}) == (0, [])
        assert turn(admin, {}) == (0, ["there is no service web-1: server web/one stays as it is"])
        assert statuses(admin) == before


def test_only_what_is_mapped_is_touched_and_a_server_disabled_in_the_file_can_come_back(admin: Path) -> None:
    ask(str(admin), b"set server web/other state maint\n")
    answers = dict.fromkeys(("one", "other", "closed"), (State.UP, ""))
    turn(admin, answers, read_mapping(["web/one=one", "web/closed=closed"]))
    now = statuses(admin)
    assert (now["one"], now["closed"], now["other"]) == ("no check", "no check", "MAINT")
    turn(admin, answers, read_mapping(["web/other=other"]))
    assert statuses(admin)["other"] == "no check"


def test_a_whole_backend_by_the_names_of_its_servers_in_one_turn(admin: Path) -> None:
    answers = {f"m{number}": (State.DOWN, "") for number in range(1, MANY + 1)}
    assert turn(admin, answers, read_mapping([], ("many",))) == (MANY, [])
    assert set(statuses(admin, "many").values()) == {"DOWN"}


def test_a_server_that_haproxy_checks_itself_is_left_alone_and_named(admin: Path) -> None:
    before = statuses(admin)["checked"]
    done, complaints = turn(admin, {"c": (State.OUT_OF_SERVICE, "")}, read_mapping(["web/checked=c"]))
    assert done == 0
    assert "server web/checked has checks of HAProxy's own and is left alone" in complaints[0]
    assert statuses(admin)["checked"] == before


def test_what_haproxy_refuses_or_does_not_have_is_told(admin: Path) -> None:
    turn(admin, {"web-1": (State.UP, "")})
    done, complaints = turn(admin.with_name("operator.sock"), {"web-1": (State.DOWN, "")})
    assert done == 0
    assert "its stats socket must be of level admin" in complaints[0]
    mapped = read_mapping(["web/none=web-1", "web/tracking=web-1"], ("gone",))
    complaints = turn(admin, {"web-1": (State.UP, "")}, mapped)[1]
    assert "HAProxy has no server web/none: mend the mapping" in complaints
    assert "HAProxy has no backend gone, or no server there: mend the mapping" in complaints
    assert any("cannot change health on a tracking server" in complaint for complaint in complaints)


def test_a_haproxy_that_begins_anew_is_set_anew_and_troubles_are_told_once() -> None:
    async def three_turns(folder: Path) -> list[tuple[str, str]]:
        feed = HaproxyRuntime(str(folder / "admin.sock"), ONE, {"web-1": (State.DOWN, "refused")}.get)
        told: list[tuple[str, str]] = []
        for there in (True, False, False, True):
            with capture_logs() as logs:
                if there:
                    with haproxy(folder) as where:
                        await feed.turn()
                        told.append(("", statuses(where)["one"]))
                else:
                    await feed.turn()
            told += [(row["log_level"], row["event"]) for row in logs]
        return told

    with short_folder() as folder:
        told = asyncio.run(three_turns(folder))
    assert [event for _, event in told].count("DOWN") == 2
    assert sum(level == "warning" for level, _ in told) == 1, told
    assert told[-1] == ("info", "HAProxy's servers are all as their services are")
