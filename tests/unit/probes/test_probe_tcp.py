"""TCP against real sockets: up, refused, no answer; the deadline; no trace left behind."""

from __future__ import annotations

import os
import resource
import socket
from pathlib import Path

from connectors.engine.stream import is_self_connection
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import black_hole, closed_port, serving, silent


def test_up_and_M7_response_time() -> None:
    with serving(silent) as port, engine() as harness:
        report = harness.first(binding(port=port))
    assert (report.verdict, report.reason, report.detail) == (Verdict.UP, Reason.OK, "")
    assert 0 < report.response_avg_us < 1_000_000


def test_refused() -> None:
    with closed_port() as port, engine() as harness:
        report = harness.first(binding(port=port))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.REFUSED)
    assert report.detail == f"connect to 127.0.0.1:{port}: Connection refused (ECONNREFUSED)"


def test_a_black_hole_times_out_at_the_deadline() -> None:
    with black_hole() as port, engine() as harness:
        report = harness.first(binding(port=port, timeout_ms=1000))
        assert 900 <= harness.elapsed_ms(1) <= 1100
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.TIMEOUT_CONNECT)
    assert report.detail == f"no connection to 127.0.0.1:{port} within 1000 ms"
    assert report.response_avg_us == 0


def test_a_program_with_a_thousand_files_open_may_have_an_engine() -> None:
    """`select` takes no descriptor above 1,023; the engine then sleeps in whole milliseconds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < 4_096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4_096, hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_100)]
    try:
        with serving(silent) as port, engine() as harness:
            assert harness.first(binding(port=port)).verdict is Verdict.UP
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ipv6() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener, engine() as harness:
        report = harness.first(binding(ip="::1", port=listener.getsockname()[1]))
    assert report.verdict is Verdict.UP


def test_no_socket_stays_behind() -> None:
    with serving(silent) as port, engine() as harness:
        harness.probe(binding(port=port, interval_ms=5, window=1000))
        harness.until(lambda: harness.reports and harness.reports[-1].count >= 50, "50 probes")
        ours = f"0100007F:{port:04X}"
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        assert not [fields for fields in lines if fields[2] == ours and fields[3] == "06"], "sockets in TIME_WAIT"


def test_a_port_that_is_none_says_so() -> None:
    with engine() as harness:
        report = harness.first(binding(port=0))
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    assert report.detail == "port 0 of service1 is not a TCP port: give 1 to 65535"


def test_a_connection_to_itself_is_nobody_listening() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())
        assert is_self_connection(sock)
    with serving(silent) as port, socket.create_connection(("127.0.0.1", port)) as sock:
        assert not is_self_connection(sock)
