"""MYSQL against MariaDB: greeting, login, query, and the words with which it refuses."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from schemas.probes import Reason, Verdict
from tests.servers.certified import certified
from tests.servers.running import Server, free_port, needed, prepare, probe, running

MOST_CONNECTIONS = 10
LOGIN = {"user_name": "watch", "password_ref": "env:WATCHBILL_SECRET_MYSQL"}
USERS = """
CREATE DATABASE shop;
CREATE TABLE shop.parts (name VARCHAR(20), stock INT);
INSERT INTO shop.parts VALUES ('bolt', 3), ('nut', NULL);
CREATE USER watch@'127.0.0.1' IDENTIFIED BY 'open sesame';
GRANT SELECT ON shop.* TO watch@'127.0.0.1';
CREATE USER free@'127.0.0.1';
CREATE USER modern@'127.0.0.1' IDENTIFIED VIA unix_socket;
"""


def start(folder: Path, name: str) -> list[str]:
    """Make a database, and answer the command that serves it without its port."""
    server, data = needed("mariadbd", "mariadb-server"), folder / name
    make = [needed("mariadb-install-db", "mariadb-server"), "--no-defaults", f"--datadir={data}"]
    prepare([*make, "--auth-root-authentication-method=normal", "--skip-test-db"], folder, unprivileged=True)
    (folder / "users.sql").write_text(USERS)
    (folder / "users.sql").chmod(0o644)
    small = ["--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M", "--performance-schema=OFF"]
    where = ["--no-defaults", f"--datadir={data}", f"--socket={folder}/{name}.sock", "--bind-address=127.0.0.1"]
    init = f"--init-file={folder / 'users.sql'}"
    return [server, *where, *small, init, f"--max-connections={MOST_CONNECTIONS}", "--skip-name-resolve"]


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    port = free_port()
    tls = certified(folder, unprivileged=True)
    secure = [f"--ssl-cert={tls.certificate}", f"--ssl-key={tls.key}"]
    with running([*start(folder, "data"), *secure, f"--port={port}"], port, folder, unprivileged=True) as found:
        yield found


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_MYSQL", "open sesame")
    monkeypatch.setenv("WATCHBILL_SECRET_WRONG", "open barley")


def trusting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Parameters that verify the server's certificate."""
    monkeypatch.setenv("WATCHBILL_SECRET_CA", (folder / "server.pem").read_text())
    return {"secure": True, "tls_verify": True, "ca_ref": "env:WATCHBILL_SECRET_CA"}


def test_M6_up_by_its_greeting(server: Server) -> None:
    reports = [probe("MYSQL", server.port) for _ in range(5)]
    assert {(report.verdict, report.reason, report.detail) for report in reports} == {(Verdict.UP, Reason.OK, "")}
    assert 0 < min(report.response_avg_us for report in reports) < 150_000, "each greeting waited for a late ACK"


def test_M6_up_by_login_and_M8_query(server: Server) -> None:
    assert probe("MYSQL", server.port, LOGIN).verdict is Verdict.UP
    assert probe("MYSQL", server.port, {"user_name": "free"}).verdict is Verdict.UP
    query = {**LOGIN, "database": "shop", "sql_query": "SELECT name, stock FROM parts ORDER BY name"}
    assert probe("MYSQL", server.port, query).verdict is Verdict.UP
    assert probe("MYSQL", server.port, {**query, "recv": "bolt\\t3"}).verdict is Verdict.UP
    assert probe("MYSQL", server.port, {**query, "recv": "nut\\tNULL"}).verdict is Verdict.UP
    assert probe("MYSQL", server.port, {**query, "sql_query": "DO 1"}).verdict is Verdict.UP


def test_M8_other_content_is_shown(server: Server) -> None:
    query = {**LOGIN, "sql_query": "SELECT 'standby'", "recv": "primary"}
    report = probe("MYSQL", server.port, query)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.MISMATCH)
    assert "standby" in report.detail


def test_a_probe_ends_its_connection_as_a_client_does(server: Server) -> None:
    """Else every probe is a warning in the server's log, and a count that alarms its people."""
    assert probe("MYSQL", server.port, LOGIN).verdict is Verdict.UP
    assert probe("MYSQL", server.port, {**LOGIN, "sql_query": "SELEKT"}).verdict is Verdict.DOWN
    query = {**LOGIN, "sql_query": "SHOW GLOBAL STATUS LIKE 'Aborted_clients'", "recv_pattern": "^Aborted_clients\\t0$"}
    report = probe("MYSQL", server.port, query)
    assert report.verdict is Verdict.UP, report.detail


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({**LOGIN, "password_ref": "env:WATCHBILL_SECRET_WRONG"}, "MySQL error 1045 (28000): Access denied for user"),
        ({"user_name": "stranger"}, "Access denied for user 'stranger'"),
        ({**LOGIN, "database": "nowhere"}, "MySQL error 1044 (42000): Access denied for user 'watch'@'127.0.0.1' to d"),
        ({**LOGIN, "sql_query": "SELECT * FROM shop.missing"}, "MySQL error 1146 (42S02): Table 'shop.missing' does"),
        ({**LOGIN, "sql_query": "SELEKT"}, "MySQL error 1064 (42000): You have an error in your SQL syntax"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(server: Server, parameters: dict[str, str], words: str) -> None:
    report = probe("MYSQL", server.port, parameters)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert words in report.detail
    assert "barley" not in report.detail


def test_M18_secure(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = trusting(folder, monkeypatch)
    query = {**LOGIN, **tls, "sql_query": "SHOW SESSION STATUS LIKE 'Ssl_version'", "recv": "Ssl_version\\tTLSv1"}
    report = probe("MYSQL", server.port, query)
    assert (report.verdict, report.detail) == (Verdict.UP, "")
    assert probe("MYSQL", server.port, tls).verdict is Verdict.UP
    report = probe("MYSQL", server.port, {**LOGIN, **tls, "password_ref": "env:WATCHBILL_SECRET_WRONG"})
    assert "MySQL error 1045 (28000): Access denied" in report.detail
    report = probe("MYSQL", server.port, {**tls, "server_name": "shop.example"})
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.CERTIFICATE)


def test_a_server_that_is_full_says_so(server: Server) -> None:
    with ExitStack() as visitors:
        for _ in range(MOST_CONNECTIONS + 1):
            visitor = visitors.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            visitor.settimeout(5)
            visitor.recv(4)
        report = probe("MYSQL", server.port)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert report.detail == "MySQL error 1040: Too many connections"


def test_a_stopped_server_is_down(folder: Path) -> None:
    port = free_port()
    with running([*start(folder, "short"), f"--port={port}"], port, folder, unprivileged=True) as server:
        assert probe("MYSQL", port).verdict is Verdict.UP
        report = probe("MYSQL", port, {"secure": True})
        assert (report.reason, report.detail[:28]) == (Reason.BAD_STATUS, "the server offers no TLS: sw")
        server.stop()
        assert probe("MYSQL", port).reason is Reason.REFUSED
