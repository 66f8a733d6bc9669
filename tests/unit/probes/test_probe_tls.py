"""TLS as a kind: the handshake, and the days until the certificate expires."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.engine.runs import RunReport
from connectors.probes.contract import Peer
from connectors.probes.kinds import converse
from connectors.probes.outcome import Outcome
from connectors.probes.tls import DAY_S, judged
from schemas.parameters.checking import check_added, check_changed
from schemas.parameters.monitors import MONITOR_TYPES
from schemas.probes import Reason, Verdict
from tests.unit.engine.authority import Identity, authority, identity
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import closed_port, serving

ROOT = authority("Test Root")
NOW_S = 1_800_000_000


def probed(folder: Path, who: Identity, **settings: object) -> RunReport:
    context = who.server_context(folder)

    def handle(connection: socket.socket, _: threading.Event) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as inside:
            inside.recv(100)

    with serving(handle) as port, engine() as harness:
        return harness.first(binding(kind="TLS", port=port, **settings))


def test_M6_up_with_the_days_that_are_left(tmp_path: Path) -> None:
    report = probed(tmp_path, identity("good", ROOT))
    assert (report.verdict, report.reason) == (Verdict.UP, Reason.OK)
    assert report.detail == "certificate CN=good expires in 90 days"
    assert report.response_avg_us > 0


def test_M6_too_few_days(tmp_path: Path) -> None:
    report = probed(tmp_path, identity("good", ROOT), expiry_days=100)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.CERTIFICATE)
    assert report.detail == ("certificate CN=good expires in 90 days, wanted 100 days; it was issued by CN=Test Root")


def test_M6_expired_even_where_nobody_verifies(tmp_path: Path) -> None:
    old = identity("old", ROOT, begins=timedelta(days=-30), ends=timedelta(days=-2))
    report = probed(tmp_path, old)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.CERTIFICATE)
    assert report.detail == "certificate CN=old expired 2 days ago; it was issued by CN=Test Root"


def test_M6_verified_if_a_person_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_ROOT", ROOT.pem)
    verified = {"tls_verify": True, "ca_ref": "env:WATCHBILL_SECRET_ROOT"}
    assert probed(tmp_path, identity("good", ROOT), **verified).verdict is Verdict.UP
    assert probed(tmp_path, identity("self", None), **verified).detail.startswith("certificate CN=self is self-signed")


def test_refused() -> None:
    with closed_port() as port, engine() as harness:
        assert harness.first(binding(kind="TLS", port=port)).reason is Reason.REFUSED


def peer(not_before_s: int = 0, not_after_s: int = 2 * NOW_S) -> Peer:
    return Peer("CN=x, O=Example", "CN=Root", (), not_before_s, not_after_s, (), "TLSv1.3", "", NOW_S)


@pytest.mark.parametrize(
    ("left_s", "wanted", "verdict"),
    [
        (-1, 0, Verdict.DOWN),
        (0, 0, Verdict.UP),
        (30 * DAY_S - 1, 30, Verdict.DOWN),
        (30 * DAY_S, 30, Verdict.UP),
        (5, 1, Verdict.DOWN),
    ],
)
def test_the_threshold_to_the_second(left_s: int, wanted: int, verdict: Verdict) -> None:
    assert judged(peer(not_after_s=NOW_S + left_s), wanted).verdict is verdict


def test_a_certificate_that_has_not_begun() -> None:
    outcome = judged(peer(not_before_s=NOW_S + DAY_S), 0)
    assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, Reason.CERTIFICATE)
    assert outcome.detail == "certificate CN=x of CN=Root is not valid yet: begins in 1 day"


def test_days_that_are_none_say_so() -> None:
    found = converse(binding(kind="TLS", expiry_days=-1))
    assert isinstance(found, Outcome)
    assert found.detail == "expiry_days -1 is no number of days: give 0 or more"


def test_what_has_no_effect_is_refused_when_it_is_given() -> None:
    tcp, https = MONITOR_TYPES["TCP"].table, MONITOR_TYPES["HTTPS"].table
    assert check_added(tcp, {"type": "TCP", "server_name": "a.example"}).faults == [
        "server_name has no effect without TLS: give secure=yes, or leave it out"
    ]
    assert check_added(https, {"type": "HTTPS", "ca_ref": "file:ca.pem"}).faults == [
        "ca_ref has no effect where no certificate is verified: give tls_verify=yes, or leave it out"
    ]
    good = check_added(tcp, {"type": "TCP", "secure": "yes", "tls_verify": "yes", "ca_ref": "file:ca.pem"})
    assert good.faults == []
    assert check_changed(tcp, good.kept, {"secure": "no"}).faults == [
        "tls_verify has no effect without TLS: give secure=yes, or leave it out"
    ]
