"""REDIS against Debian's redis-server: with and without a password, as master and as replica, and over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.engine.runs import RunReport
from schemas.probes import Reason, Verdict
from tests.servers.certified import certified
from tests.servers.running import Server, free_port, needed, probe, running
from tests.waiting import wait_until

OPTIONS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir")
LOGIN = {"password_ref": "env:WATCHBILL_SECRET_REDIS"}
NAMED = {"user_name": "watch", **LOGIN}


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """The default user has no password; `watch` has one, and may PING but not ask for the role."""
    certified(folder, unprivileged=True)
    port, secure_port = free_port(), free_port()
    (folder / "secure_port").write_text(str(secure_port))
    files = {"cert": "server.pem", "key": "server.key", "ca-cert": "server.pem"}
    tls = [word for name, file in files.items() for word in (f"--tls-{name}-file", str(folder / file))]
    command = [needed("redis-server"), "--port", str(port), *OPTIONS, str(folder), *tls]
    command += ["--tls-port", str(secure_port), "--tls-auth-clients", "no"]
    command += ["--user", "watch", "on", ">open-sesame", "-@all", "+ping", "+auth"]
    with running(command, port, folder, unprivileged=True) as up:
        yield up


@pytest.fixture(scope="module")
def guarded(folder: Path, server: Server) -> Iterator[Server]:
    """A replica of the first, which nobody may ask anything without the password; its data is stale if it has none."""
    port = free_port()
    command = [needed("redis-server"), "--port", str(port), *OPTIONS, str(folder), "--requirepass", "open-sesame"]
    command += ["--replicaof", f"127.0.0.1 {server.port}", "--dbfilename", "replica.rdb"]
    with running(command, port, folder, unprivileged=True) as up:
        yield up


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_REDIS", "open-sesame")
    monkeypatch.setenv("WATCHBILL_SECRET_WRONG", "open-barley")


def told(report: RunReport) -> tuple[Verdict, Reason]:
    return report.verdict, report.reason


def test_M6_up(server: Server) -> None:
    report = probe("REDIS", server.port)
    assert told(report) == (Verdict.UP, Reason.OK)
    assert report.response_avg_us > 0
    assert told(probe("REDIS", server.port, {"redis_role": "MASTER"})) == (Verdict.UP, Reason.OK)
    assert told(probe("REDIS", server.port, NAMED)) == (Verdict.UP, Reason.OK)


def test_M6_a_password_that_is_missing_or_wrong(guarded: Server) -> None:
    report = probe("REDIS", guarded.port)
    assert told(report) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert report.detail == "PING answered NOAUTH Authentication required., not PONG: give password_ref"
    report = probe("REDIS", guarded.port, {"password_ref": "env:WATCHBILL_SECRET_WRONG"})
    assert told(report) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert report.detail.startswith("AUTH answered WRONGPASS ")
    assert "barley" not in report.detail


def test_M8_the_role(server: Server, guarded: Server) -> None:
    assert told(probe("REDIS", guarded.port, {"redis_role": "REPLICA", **LOGIN})) == (Verdict.UP, Reason.OK)
    report = probe("REDIS", guarded.port, {"redis_role": "MASTER", **LOGIN})
    assert told(report) == (Verdict.DOWN, Reason.MISMATCH)
    assert report.detail == "expected role master, got slave"
    report = probe("REDIS", server.port, {"redis_role": "MASTER", **NAMED})
    assert told(report) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert report.detail.startswith("ROLE answered NOPERM ")


def test_M18_over_TLS(server: Server) -> None:
    secure_port = int((server.log.parent / "secure_port").read_text())
    assert told(probe("REDIS", secure_port, {"secure": True})) == (Verdict.UP, Reason.OK)
    assert probe("REDIS", secure_port).verdict is Verdict.DOWN


def test_M8_any_content_of_a_real_server(server: Server) -> None:
    asked = {"send": r"INFO replication\r\n", "recv": "role:master", "not_recv_pattern": "^role:slave$"}
    assert told(probe("TCP-ECV", server.port, asked)) == (Verdict.UP, Reason.OK)
    report = probe("TCP-ECV", server.port, {"send": r"WHAT\r\n", "recv_pattern": r"^\+", "not_recv": "-ERR"})
    assert told(report) == (Verdict.DOWN, Reason.MISMATCH)
    assert report.detail.startswith('"-ERR" must not be there, got "-ERR unknown command')


def test_a_replica_without_its_master(folder: Path) -> None:
    port, nobody = free_port(), free_port()
    command = [needed("redis-server"), "--port", str(port), *OPTIONS, str(folder)]
    command += ["--replicaof", f"127.0.0.1 {nobody}", "--replica-serve-stale-data", "no"]
    with running(command, port, folder, unprivileged=True):
        wait_until(lambda: probe("REDIS", port).reason is Reason.BAD_STATUS, 5, "it knows that it has no master")
        assert probe("REDIS", port).detail.startswith("PING answered MASTERDOWN Link with MASTER is down")


def test_a_server_that_ended(folder: Path) -> None:
    port = free_port()
    with running([needed("redis-server"), "--port", str(port), *OPTIONS, str(folder)], port, folder, unprivileged=True):
        assert probe("REDIS", port).verdict is Verdict.UP
    assert told(probe("REDIS", port)) == (Verdict.DOWN, Reason.REFUSED)
