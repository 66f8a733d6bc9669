"""From an operator's words to a verdict: command, fold, inventory, frames, engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.engine.runs import RunReport
from schemas.probes import Reason, Verdict
from streams.folding.config.fold import ConfigFold
from streams.node.inventory import Inventory
from tests.unit.config.config_words import take
from tests.unit.engine.harness import engine, monitor_id
from tests.unit.engine.servers import Handler, answering, serving

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nping pong"
REPAIR = b"HTTP/1.1 503 Busy\r\nContent-Length: 6\r\n\r\nrepair"


def probed(monitor: str, handler: Handler) -> RunReport:
    """The first report of a service with this monitor, as its owner's engine makes it."""
    with serving(handler) as port, engine() as harness:
        text = f"""
        add service s address=127.0.0.1 port={port}
        add monitor m {monitor}
        bind service s monitor m
        """
        result, changes = take(ConfigFold(), text)
        assert result.accepted, result.rejections
        (row,) = Inventory().apply(changes).added
        return harness.first(replace(row, service_id="1-0", monitor_id=monitor_id(1)))  # due at once, not within 5 s


@pytest.mark.parametrize(
    ("monitor", "answer"),
    [
        ("type=http-ecv recv=pong not_recv_pattern=(?i)error response_codes=200-299", PAGE),
        ("type=TCP-ECV send=PING\\r\\n recv=+PONG\\r\\n", b"+PONG\r\n"),
        ("type=TCP-ECV send=\\x00 recv_pattern=^\\+P", b"+PONG\r\n"),
        ("type=REDIS", b"+PONG\r\n"),
        ("type=HTTP http_request=GET trofs_code=503", PAGE),
    ],
)
def test_M18_what_is_configured_is_probed(monitor: str, answer: bytes) -> None:
    report = probed(monitor, answering(answer))
    assert (report.verdict, report.reason) == (Verdict.UP, Reason.OK), report.detail


@pytest.mark.parametrize(
    ("monitor", "answer", "verdict", "detail"),
    [
        ("type=HTTP-ECV recv=pang", PAGE, Verdict.DOWN, 'expected "pang", got "ping pong"'),
        ("type=HTTP trofs_code=503", REPAIR, Verdict.MAINTENANCE, "announces maintenance: HTTP 503 Busy"),
        (
            "type=HTTP-ECV trofs_string=repair",
            REPAIR,
            Verdict.MAINTENANCE,
            'announces maintenance: "repair" in "repair"',
        ),
        (
            "type=TCP-ECV send=x recv_pattern=(",
            b"",
            Verdict.INCONCLUSIVE,
            "recv_pattern is no regular expression of RE2: missing ): (",
        ),
    ],
)
def test_M8_the_reason_is_readable(monitor: str, answer: bytes, verdict: Verdict, detail: str) -> None:
    report = probed(monitor, answering(answer))
    assert (report.verdict, report.detail) == (verdict, detail)


def test_M18_an_escape_that_there_is_not_is_refused_with_the_command() -> None:
    result, _ = take(ConfigFold(), "add monitor m type=TCP-ECV send=a\\q")
    (rejection,) = result.rejections
    assert rejection.message.startswith('monitor "m": send cannot be "a\\q": \\q is no escape: there are \\r \\n')
