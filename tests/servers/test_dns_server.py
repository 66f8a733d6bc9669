"""DNS against a real server (dnslib): answers, refusals, silence, TCP after a cut answer, and no cache of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dnslib import QTYPE, RCODE, RR, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

from connectors.engine.runs import RunReport
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding
from tests.unit.engine.task_harness import probe_task

ZONE = """
$TTL 300
example.test.      IN SOA ns.example.test. root.example.test. 1 2 3 4 5
example.test.      IN NS  ns.example.test.
example.test.      IN MX  10 mail.example.test.
example.test.      IN TXT "hello"
www.example.test.  IN A   10.0.0.1
www.example.test.  IN A   10.0.0.2
www.example.test.  IN AAAA 2001:db8::1
alias.example.test. IN CNAME www.example.test.
_sip._tcp.example.test. IN SRV 1 2 5060 www.example.test.
1.0.0.10.in-addr.arpa. IN PTR www.example.test.
"""
REFUSALS = {"gone": RCODE.NXDOMAIN, "broken": RCODE.SERVFAIL, "secret": RCODE.REFUSED, "odd": RCODE.NOTIMP}


class Zone(BaseResolver):
    """Answers from the zone; the first label of other names says what goes wrong."""

    def __init__(self) -> None:
        self.rows = RR.fromZone(ZONE)
        self.asked = 0

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        self.asked += 1
        label = str(request.q.qname).partition(".")[0]
        reply: DNSRecord = request.reply()
        if label in REFUSALS:
            reply.header.rcode = REFUSALS[label]
        elif label == "silent":
            raise TimeoutError("says nothing")
        elif label == "many":
            for number in range(100):
                reply.add_answer(*RR.fromZone(f"{request.q.qname} 60 A 10.1.0.{number}"))
        else:
            self._look_up(reply, str(request.q.qname), request.q.qtype)
        return reply

    def _look_up(self, reply: DNSRecord, name: str, qtype: int) -> None:
        for row in self.rows:
            if str(row.rname) == name and row.rtype in (qtype, QTYPE.CNAME):
                reply.add_answer(row)
                if row.rtype == QTYPE.CNAME != qtype:
                    self._look_up(reply, str(row.rdata), qtype)


class Served:
    """The server, by UDP and TCP on one port."""

    def __init__(self) -> None:
        self.zone = Zone()
        quiet = DNSLogger("-request,-reply,-truncated,-error", logf=lambda text: None)
        self._servers = both(self.zone, quiet)
        self.port = self._servers[0].server.server_address[1]
        for server in self._servers:
            server.server.handle_error = lambda request, address: None
            server.start_thread()

    def probe(self, query: str, probes: int = 1, **settings: object) -> RunReport:
        return probe_task(binding(kind="DNS", port=self.port, query=query, **settings), probes=probes)

    def stop(self) -> None:
        for server in self._servers:
            server.stop()
            server.server.server_close()


def both(zone: Zone, logger: DNSLogger) -> list[DNSServer]:
    """One by UDP, one by TCP, on one port that the system gave the first; another where the second cannot have it."""
    for _ in range(100):
        udp = DNSServer(zone, address="127.0.0.1", port=0, logger=logger)
        port = udp.server.server_address[1]
        try:
            return [udp, DNSServer(zone, address="127.0.0.1", port=port, tcp=True, logger=logger)]
        except OSError:  # a connection of somebody's has the number on TCP
            udp.server.server_close()
    raise OSError("no port of 100 was free for UDP and TCP at once")


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    served = Served()
    yield served
    served.stop()


def told(report: RunReport) -> tuple[Verdict, Reason, str]:
    return report.verdict, report.reason, report.detail


@pytest.mark.parametrize(
    ("query", "query_type"),
    [
        ("www.example.test", "ADDRESS"),
        ("www.example.test", "AAAA"),
        ("example.test", "ZONE"),
        ("example.test", "NS"),
        ("example.test", "MX"),
        ("example.test", "TXT"),
        ("alias.example.test", "CNAME"),
        ("_sip._tcp.example.test", "SRV"),
        ("1.0.0.10.in-addr.arpa", "PTR"),
    ],
)
def test_M6_every_query_type_is_answered(server: Served, query: str, query_type: str) -> None:
    assert told(server.probe(query, query_type=query_type)) == (Verdict.UP, Reason.OK, "")


def test_M8_a_known_address_is_in_the_answer(server: Served) -> None:
    assert server.probe("www.example.test", ip_address=("10.9.9.9", "10.0.0.2")).verdict is Verdict.UP
    assert server.probe("alias.example.test", ip_address=("10.0.0.1",)).verdict is Verdict.UP
    assert server.probe("www.example.test", query_type="AAAA", ip_address=("2001:db8::1",)).verdict is Verdict.UP
    assert told(server.probe("www.example.test", ip_address=("10.9.9.9", "10.9.9.8"))) == (
        Verdict.DOWN,
        Reason.MISMATCH,
        "query ADDRESS of www.example.test: expected 10.9.9.9 or 10.9.9.8, got 10.0.0.1, 10.0.0.2",
    )


@pytest.mark.parametrize(
    ("query", "reason", "text"),
    [
        ("gone.test", Reason.BAD_STATUS, "NXDOMAIN: no such name"),
        ("broken.test", Reason.BAD_STATUS, "SERVFAIL: the server failed"),
        ("secret.test", Reason.BAD_STATUS, "REFUSED: the server does not answer this for us"),
        ("odd.test", Reason.BAD_STATUS, "NOTIMP: the server does not know this kind of query"),
        ("empty.test", Reason.MISMATCH, "an answer without such a record"),
        ("silent.test", Reason.TIMEOUT_FIRST_BYTE, "no answer within 300 ms"),
    ],
)
def test_what_goes_wrong_is_told_apart(server: Served, query: str, reason: Reason, text: str) -> None:
    report = server.probe(query, timeout_ms=300)
    assert told(report) == (Verdict.DOWN, reason, f"query ADDRESS of {query}: {text}")


def test_M7_the_response_time_is_that_of_the_query(server: Served) -> None:
    assert 0 < server.probe("www.example.test").response_avg_us < 500_000
    assert server.probe("silent.test", timeout_ms=300).response_avg_us == 0


def test_a_cut_answer_is_asked_for_again_by_tcp(server: Served) -> None:
    assert server.probe("many.test", ip_address=("10.1.0.99",)).verdict is Verdict.UP


def test_every_probe_asks_the_server_and_never_a_cache(server: Served) -> None:
    before = server.zone.asked
    report = server.probe("www.example.test", probes=3, interval_ms=50)
    assert report.count >= 3
    assert server.zone.asked - before >= report.count


def test_a_server_that_is_gone_is_refused_and_not_answered_for() -> None:
    served = Served()
    assert served.probe("www.example.test").verdict is Verdict.UP
    served.stop()
    assert told(served.probe("www.example.test")) == (
        Verdict.DOWN,
        Reason.REFUSED,
        "query ADDRESS of www.example.test: nobody listens there, or no way leads there",
    )
