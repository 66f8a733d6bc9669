"""SMTP against aiosmtpd in a thread: the whole talk, a server that refuses, and TLS from the start."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP, Envelope, Session

from schemas.probes import Reason, Verdict
from tests.servers.certified import certified
from tests.servers.running import free_port, probe


class Listener(Sink):
    """Takes note of who said what."""

    def __init__(self) -> None:
        super().__init__()
        self.domains: list[str] = []
        self.farewells = 0

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.domains.append(hostname)
        return ["550 not you"] if hostname == "spam.example" else responses

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.farewells += 1
        return "221 Bye"


@pytest.fixture
def heard() -> Listener:
    return Listener()


@pytest.fixture
def port(heard: Listener) -> Iterator[int]:
    controller = Controller(heard, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def test_M6_up_and_the_server_hears_a_whole_talk(port: int, heard: Listener, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mail.log"):
        report = probe("SMTP", port, {"ehlo_domain": "monitor.example"})
    assert (report.verdict, report.reason) == (Verdict.UP, Reason.OK)
    assert report.response_avg_us > 0
    assert (heard.domains, heard.farewells) == (["monitor.example"], 1)


def test_M8_what_the_server_says_instead(port: int) -> None:
    report = probe("SMTP", port, {"ehlo_domain": "spam.example"})
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert report.detail == "answer to EHLO 550 not you, expected 250"


def test_M8_another_greeting_is_content_too(port: int) -> None:
    report = probe("TCP-ECV", port, {"recv_pattern": r"^220[ -].*Python SMTP"})
    assert (report.verdict, report.reason) == (Verdict.UP, Reason.OK)
    report = probe("TCP-ECV", port, {"recv": "Postfix", "not_recv": "SMTP"})
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.MISMATCH)


def test_M18_over_TLS(folder: Path, heard: Listener) -> None:
    made = certified(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    controller = Controller(heard, hostname="127.0.0.1", port=free_port(), ssl_context=context)
    controller.start()
    try:
        report = probe("SMTP", controller.port, {"secure": True})
    finally:
        controller.stop()
    assert (report.verdict, report.reason) == (Verdict.UP, Reason.OK)
    assert heard.farewells == 1
