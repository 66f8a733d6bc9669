"""FTP probes against servers that misbehave; tests/servers has the one that does not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from connectors.engine.runs import RunReport
from connectors.probes.ftp import FILE_BYTES, FTP
from connectors.probes.ftp_control import LINE_BYTES, REPLY_LINES
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding
from tests.unit.engine.servers import closed_port, serving
from tests.unit.engine.task_harness import probe_task

FINE = {"USER": "331 and now?", "PASS": "230 in", "TYPE": "200 fine"}
Replies = dict[str, str | bytes]


@contextmanager
def ftp(replies: Replies, greeting: str | bytes = "220 hello") -> Iterator[int]:
    """A control connection that answers each verb with a line of `replies`; an unknown verb, with nothing."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        say(connection, greeting)
        with connection.makefile("rb") as lines:
            for line in lines:
                reply = replies.get(line.split()[0].decode())
                if reply is not None:
                    say(connection, reply)

    with serving(handle) as port:
        yield port


def say(connection: socket.socket, reply: str | bytes) -> None:
    connection.sendall(reply if isinstance(reply, bytes) else f"{reply}\r\n".encode())


@contextmanager
def data_port(content: bytes) -> Iterator[int]:
    """Gives the content to whoever connects, and hangs up."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(content)

    with serving(handle) as port:
        yield port


def begun(data: int) -> Replies:
    """A transfer from this data port that begins, and of whose end nothing is said."""
    return {"EPSV": f"229 here (|||{data}|)", "RETR": "150 coming"}


def probe(port: int, **settings: object) -> RunReport:
    return probe_task(binding(kind="FTP", port=port, **settings))


def told(report: RunReport) -> tuple[Verdict, Reason, str]:
    return report.verdict, report.reason, report.detail


def test_M6_a_login_is_up_and_a_refused_one_down() -> None:
    with ftp(FINE) as port:
        assert probe(port).verdict is Verdict.UP
    with ftp({"USER": "230 come in"}) as port:
        assert probe(port).verdict is Verdict.UP
    with ftp(FINE | {"PASS": "530 no, not you"}) as port:
        assert told(probe(port, user_name="eve")) == (Verdict.DOWN, Reason.BAD_STATUS, "login of eve: 530 no, not you")
    with ftp({}, "421 too many users") as port:
        assert told(probe(port)) == (Verdict.DOWN, Reason.BAD_STATUS, "greeting: 421 too many users")


def test_a_reply_of_several_lines_is_one_reply() -> None:
    with ftp(FINE, b"220-welcome\r\n 220 not yet\r\n220-nor here\r\n220 now\r\n") as port:
        assert probe(port).verdict is Verdict.UP


@pytest.mark.parametrize(
    ("greeting", "detail"),
    [
        ("SSH-2.0-OpenSSH_9.2", "greeting: not an FTP reply: SSH-2.0-OpenSSH_9.2"),
        ("22 short", "greeting: not an FTP reply: 22 short"),
        (b"220" + b"x" * 3 * LINE_BYTES, f"greeting: a line longer than {LINE_BYTES} bytes"),
        (b"220-more\r\n" * (REPLY_LINES + 2), f"greeting: a reply 220 of more than {REPLY_LINES} lines"),
        (b"\x1b[2J\xff\r\n", r"greeting: not an FTP reply: \x1b[2J\xff"),
    ],
)
def test_what_is_no_ftp_is_told_apart_and_bounded(greeting: str | bytes, detail: str) -> None:
    with ftp({}, greeting) as port:
        assert told(probe(port)) == (Verdict.DOWN, Reason.BAD_RESPONSE, detail)


def test_the_phase_of_a_silence_is_named() -> None:
    with ftp({}, b"") as port:
        assert told(probe(port, timeout_ms=200)) == (
            Verdict.DOWN,
            Reason.TIMEOUT_FIRST_BYTE,
            "greeting: nothing came within 200 ms",
        )
    with ftp({"USER": "331 and?"}) as port:
        assert probe(port, timeout_ms=200).detail == "login of anonymous: nothing came within 200 ms"


def test_refused_and_hung_up() -> None:
    with closed_port() as port:
        report = probe(port)
    assert (report.reason, report.detail) == (
        Reason.REFUSED,
        f"connect to 127.0.0.1:{port}: Connection refused (ECONNREFUSED)",
    )
    with serving(lambda connection, _: connection.close()) as port:
        assert told(probe(port)) == (Verdict.DOWN, Reason.CLOSED, "greeting: closed")


def test_M8_a_file_is_fetched_and_looked_at() -> None:
    with data_port(b"state: green\n") as data:
        transfer = {"EPSV": f"229 here (|||{data}|)", "RETR": "150 coming\r\n226 there"}
        with ftp(FINE | transfer) as port:
            assert probe(port, file_name="health", recv="green").verdict is Verdict.UP
            report = probe(port, file_name="health", recv="blue")
            assert told(report)[:2] == (Verdict.DOWN, Reason.MISMATCH)
            assert report.detail.startswith('expected "blue", got "state: green')
        with ftp(FINE | transfer | {"RETR": "550 no such file"}) as port:
            assert told(probe(port, file_name="health")) == (
                Verdict.DOWN,
                Reason.BAD_STATUS,
                "get of health: 550 no such file",
            )
        with ftp(FINE | transfer | {"RETR": "150 coming\r\n451 disk broke"}) as port:
            assert probe(port, file_name="health").detail == "get of health: 451 disk broke"


def test_of_a_long_file_only_the_first_part_is_fetched() -> None:
    with data_port(b"green" + b"x" * 4 * FILE_BYTES) as data, ftp(FINE | begun(data)) as port:
        assert probe(port, file_name="big", recv="green").verdict is Verdict.UP


def test_a_file_that_stops_in_the_middle_is_overdue_in_its_body() -> None:
    def half(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(b"gre")
        ended.wait()

    with serving(half) as data, ftp(FINE | begun(data)) as port:
        assert told(probe(port, file_name="slow", timeout_ms=300)) == (
            Verdict.DOWN,
            Reason.TIMEOUT_BODY,
            "get of slow: not complete within 300 ms, after 3 bytes",
        )


def test_data_connections_go_to_the_target_only_wherever_a_reply_points() -> None:
    """PASV names 10.9.8.7 here; the file comes all the same, from the address that is probed."""
    with data_port(b"green") as data:
        passive = f"227 at (10,9,8,7,{data // 256},{data % 256})"
        replies = FINE | {"EPSV": "500 what?", "PASV": passive, "RETR": "150 coming\r\n226 there"}
        with ftp(replies) as port:
            assert probe(port, file_name="health", recv="green").verdict is Verdict.UP


@pytest.mark.parametrize(
    ("replies", "detail"),
    [
        (
            {"EPSV": "229 here (|||22|)"},
            "get of health: no data port from 1024 to 65535 in the reply: 229 here (|||22|)",
        ),
        ({"EPSV": "229 here"}, "get of health: no data port from 1024 to 65535 in the reply: 229 here"),
        ({"EPSV": "500 no", "PASV": "227 (1,2,3)"}, "get of health: no port in the reply to PASV: 227 (1,2,3)"),
        ({"EPSV": "500 no", "PASV": "227 (1,2,3,4,0,22)"}, None),
        ({"EPSV": "500 no", "PASV": "502 never"}, "get of health: no passive data connection: 502 never"),
    ],
)
def test_a_data_port_that_makes_no_sense_is_refused(replies: Replies, detail: str | None) -> None:
    with ftp(FINE | replies) as port:
        report = probe(port, file_name="health")
        assert told(report)[:2] == (Verdict.DOWN, Reason.BAD_RESPONSE)
        assert detail is None or report.detail == detail


def test_M7_the_response_time_is_that_of_the_transfer() -> None:
    def late(connection: socket.socket, ended: threading.Event) -> None:
        ended.wait(0.8)
        say(connection, "220 at last")
        with connection.makefile("rb") as lines:
            for line in lines:
                say(connection, (FINE | transfer).get(line.split()[0].decode(), "500 what?"))

    with data_port(b"green") as data:
        transfer = {"EPSV": f"229 here (|||{data}|)", "RETR": "150 coming\r\n226 there"}
        with serving(late) as port:
            assert 0 < probe(port, file_name="health", timeout_ms=5000).response_avg_us < 700_000
            assert probe(port, timeout_ms=5000).response_avg_us > 800_000


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"file_name": "a\r\nDELE b"}, "file_name holds control characters: give one line of plain text"),
        ({"user_name": "a\nb"}, "user_name holds control characters: give one line of plain text"),
        ({"recv": "green"}, "content is looked for, but no file_name is given: name the file that holds it"),
        ({"password_ref": "hunter2"}, "what was given is no reference to a secret"),
        ({"port": 0}, "port 0 of service1 is not a TCP port: give 1 to 65535"),
    ],
)
def test_settings_that_make_no_sense_are_told(settings: dict[str, str], detail: str) -> None:
    report = probe_task(binding(kind="FTP", **settings))
    assert told(report)[:2] == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    assert report.detail.startswith(detail)


def test_the_password_is_in_no_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_FTP", "hunter2-canary")
    with ftp({"USER": "331 and?", "PASS": "530 wrong: hunter2-canary"}) as port:
        report = probe(port, password_ref="env:WATCHBILL_SECRET_FTP")
    assert report.reason is Reason.BAD_STATUS
    assert "canary" not in report.detail


def test_the_kind_knows_its_parameters() -> None:
    assert set(FTP.parameters) >= {"user_name", "password_ref", "file_name", "recv"}
