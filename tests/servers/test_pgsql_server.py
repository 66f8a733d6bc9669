"""PGSQL against PostgreSQL: every way of login, a query, and the words with which it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.probes import Reason, Verdict
from tests.servers.certified import certified
from tests.servers.running import Server, accepts, free_port, needed, prepare, probe, running

LOGIN = {"user_name": "watch", "password_ref": "env:WATCHBILL_SECRET_PGSQL", "database": "shop"}
WRONG = "env:WATCHBILL_SECRET_WRONG"
RULES = """
local all all trust
host all old 127.0.0.1/32 md5
host all free 127.0.0.1/32 trust
host all plain 127.0.0.1/32 password
host all watch 127.0.0.1/32 scram-sha-256
"""
USERS = """
CREATE DATABASE shop;
CREATE USER watch PASSWORD 'open sesame';
CREATE USER plain PASSWORD 'open sesame';
CREATE USER free;
SET password_encryption = 'md5';
CREATE USER old PASSWORD 'open sesame';
"""


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    data, port = folder / "data", free_port()
    make = [needed("initdb", "postgresql"), "-D", str(data), "-U", "admin", "-A", "trust", "--no-sync", "-E", "UTF8"]
    prepare(make, folder, unprivileged=True)
    (data / "pg_hba.conf").write_text(RULES)
    postgres = [needed("postgres", "postgresql"), "-D", str(data)]
    prepare([*postgres[:1], "--single", "-j", *postgres[1:], "postgres"], folder, unprivileged=True, given=separate())
    where = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    tls = certified(folder, unprivileged=True)
    where += ["-c", "ssl=on", "-c", f"ssl_cert_file={tls.certificate}", "-c", f"ssl_key_file={tls.key}"]
    with running([*postgres, *where], port, folder, unprivileged=True, ready=lambda: ready(port)) as found:
        yield found


def separate() -> str:
    """In single-user mode an empty line ends a command."""
    return "\n\n".join(line for line in USERS.splitlines() if line) + "\n\n"


def ready(port: int) -> bool:
    """It accepts connections before it takes logins."""
    return accepts(port) and probe("PGSQL", port).verdict is Verdict.UP


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_PGSQL", "open sesame")
    monkeypatch.setenv("WATCHBILL_SECRET_WRONG", "open barley")


def test_M6_up_without_a_user(server: Server) -> None:
    report = probe("PGSQL", server.port)
    assert (report.verdict, report.reason, report.detail) == (Verdict.UP, Reason.OK, "")
    assert report.response_avg_us > 0


@pytest.mark.parametrize("user", ["watch", "old", "free"])
def test_M6_up_by_login(server: Server, user: str) -> None:
    report = probe("PGSQL", server.port, {**LOGIN, "user_name": user})
    assert (report.verdict, report.detail) == (Verdict.UP, "")


def test_M8_query(server: Server) -> None:
    query = {**LOGIN, "sql_query": "SELECT 'bolt', 3 UNION ALL SELECT 'nut', NULL"}
    assert probe("PGSQL", server.port, query).verdict is Verdict.UP
    assert probe("PGSQL", server.port, {**query, "recv": "bolt\\t3"}).verdict is Verdict.UP
    assert probe("PGSQL", server.port, {**query, "recv_pattern": "^nut\tNULL$"}).verdict is Verdict.UP
    report = probe("PGSQL", server.port, {**LOGIN, "sql_query": "SELECT pg_is_in_recovery()", "recv": "t"})
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.MISMATCH)
    assert report.detail == 'expected "t", got "f\\n"'


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (
            {**LOGIN, "password_ref": WRONG},
            "FATAL 28P01: password authentication failed for use",
        ),
        ({**LOGIN, "user_name": "old", "password_ref": WRONG}, "FATAL 28P01: password authent"),
        ({"user_name": "stranger"}, "FATAL 28000: no pg_hba.conf entry for host"),
        ({**LOGIN, "user_name": "free", "database": "nowhere"}, 'FATAL 3D000: database "nowhere" does not exist'),
        ({**LOGIN, "user_name": "plain"}, "wants the password of plain in the clear: give secure=yes"),
        ({**LOGIN, "sql_query": "SELECT 1/0"}, "ERROR 22012: division by zero"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(server: Server, parameters: dict[str, str], words: str) -> None:
    report = probe("PGSQL", server.port, parameters)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert words in report.detail
    assert "barley" not in report.detail


def test_M18_secure(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_CA", (folder / "server.pem").read_text())
    tls = {"secure": True, "tls_verify": True, "ca_ref": "env:WATCHBILL_SECRET_CA"}
    query = {**LOGIN, **tls, "sql_query": "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", "recv": "t"}
    for user in ("watch", "plain"):
        report = probe("PGSQL", server.port, {**query, "user_name": user})
        assert (report.verdict, report.detail) == (Verdict.UP, "")
    assert probe("PGSQL", server.port, tls).verdict is Verdict.UP
    report = probe("PGSQL", server.port, {**LOGIN, **tls, "user_name": "plain", "password_ref": WRONG})
    assert "FATAL 28P01: password authentication failed" in report.detail
    report = probe("PGSQL", server.port, {**tls, "server_name": "shop.example"})
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.CERTIFICATE)


def test_a_probe_ends_its_connection_as_a_client_does(server: Server) -> None:
    before = server.log.read_text().count("Connection reset")
    assert probe("PGSQL", server.port, LOGIN).verdict is Verdict.UP
    assert probe("PGSQL", server.port, {**LOGIN, "sql_query": "SELEKT"}).verdict is Verdict.DOWN
    assert server.log.read_text().count("Connection reset") == before


def test_a_stopped_server_is_down(server: Server) -> None:
    server.stop()
    report = probe("PGSQL", server.port)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.REFUSED)
