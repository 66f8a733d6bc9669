"""TLS on real sockets: what is proved, and what is said of every way in which a handshake can fail."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.engine import tls
from connectors.engine.runs import RunReport
from connectors.probes.contract import Wire
from connectors.probes.kinds import KINDS
from schemas.probes import Reason, Verdict
from tests.unit.engine.authority import Identity, authority, identity
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import RESET_ON_CLOSE, Handler, answering, serving, silent

OK = b"HTTP/1.1 200 OK\r\n\r\n"
DAY = timedelta(days=1)
ROOT = authority("Test Root")
MIDDLE = authority("Test Middle", ROOT)


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ca_ref=env:WATCHBILL_SECRET_ROOT` trusts the tests' root."""
    monkeypatch.setenv("WATCHBILL_SECRET_ROOT", ROOT.pem)


VERIFIED = {"tls_verify": True, "ca_ref": "env:WATCHBILL_SECRET_ROOT"}


def secured(context: ssl.SSLContext, answer: bytes = OK) -> Handler:
    """Shake hands, read the request, answer, and say goodbye."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            inside.recv(65536)
            inside.sendall(answer)
            inside.unwrap()

    return handle


def probed(handler: Handler, kind: str = "HTTPS", **settings: object) -> RunReport:
    with serving(handler) as port, engine() as harness:
        return harness.first(binding(kind=kind, port=port, **settings))


def verdict_on(folder: Path, who: Identity, *above: Identity, **settings: object) -> RunReport:
    """The verdict of a verifying probe on a server that is this, and sends those above it."""
    context = who.server_context(folder, *(each.certificate for each in above))
    return probed(secured(context), **{**VERIFIED, **settings})


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_up_and_M7_response_time(tmp_path: Path, version: ssl.TLSVersion) -> None:
    context = identity("good", ROOT).server_context(tmp_path)
    context.minimum_version = context.maximum_version = version
    report = probed(secured(context), **VERIFIED)
    assert (report.verdict, report.reason, report.detail) == (Verdict.UP, Reason.OK, "")
    assert 0 < report.response_avg_us < 1_000_000


def test_M18_without_tls_verify_nobody_need_have_signed(tmp_path: Path) -> None:
    assert probed(secured(identity("self", None).server_context(tmp_path))).verdict is Verdict.UP


def test_M18_secure_turns_tcp_into_a_handshake(tmp_path: Path) -> None:
    context = identity("good", ROOT).server_context(tmp_path)
    assert probed(secured(context), "TCP", secure=True).verdict is Verdict.UP
    report = probed(answering(OK), "TCP", secure=True)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_RESPONSE)
    assert probed(answering(OK), "TCP", secure=False).verdict is Verdict.UP


def test_a_chain_through_a_middle_authority(tmp_path: Path) -> None:
    assert verdict_on(tmp_path, identity("good", MIDDLE), MIDDLE).verdict is Verdict.UP


def test_an_authority_that_is_no_root_can_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_MIDDLE", MIDDLE.pem)
    assert verdict_on(tmp_path, identity("good", MIDDLE), ca_ref="env:WATCHBILL_SECRET_MIDDLE").verdict is Verdict.UP


def refused(report: RunReport) -> str:
    """The detail of a verdict on a certificate."""
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.CERTIFICATE)
    assert report.response_avg_us > 0
    return report.detail


def test_an_expired_certificate(tmp_path: Path) -> None:
    detail = refused(verdict_on(tmp_path, identity("old", ROOT, begins=-30 * DAY, ends=-2 * DAY)))
    assert detail.startswith("certificate CN=old expired on 20")
    assert detail.endswith("UTC; chain: CN=old")


def test_an_expired_certificate_above(tmp_path: Path) -> None:
    stale = authority("Stale Middle", ROOT, -2 * DAY)
    detail = refused(verdict_on(tmp_path, identity("new", stale), stale))
    assert detail.startswith("certificate CN=Stale Middle expired on 20")
    assert detail.endswith("chain: CN=new < CN=Stale Middle")


def test_a_certificate_that_is_not_valid_yet(tmp_path: Path) -> None:
    detail = refused(verdict_on(tmp_path, identity("early", ROOT, begins=2 * DAY)))
    assert detail.startswith("certificate CN=early is not valid before 20")


def test_a_certificate_for_another_name(tmp_path: Path) -> None:
    other = identity("other", ROOT, ("a.example", "b.example"))
    detail = refused(verdict_on(tmp_path, other, server_name="www.example"))
    assert detail == "certificate CN=other is not for www.example but for a.example, b.example; chain: CN=other"
    detail = refused(verdict_on(tmp_path, other))
    assert detail == "certificate CN=other is not for 127.0.0.1 but for a.example, b.example; chain: CN=other"


def test_a_certificate_of_an_unknown_authority(tmp_path: Path) -> None:
    stranger = authority("Stranger")
    detail = refused(verdict_on(tmp_path, identity("odd", stranger)))
    assert detail == "certificate CN=odd is signed by CN=Stranger, which is not known here; chain: CN=odd"
    detail = refused(verdict_on(tmp_path, identity("odd", stranger), stranger))
    assert detail.startswith(
        "certificate CN=odd is signed below CN=Stranger, which is not trusted here; chain: CN=odd <"
    )


def test_a_missing_middle_authority_is_named(tmp_path: Path) -> None:
    detail = refused(verdict_on(tmp_path, identity("lone", MIDDLE)))
    assert detail == "certificate CN=lone is signed by CN=Test Middle, which is not known here; chain: CN=lone"


def test_a_self_signed_certificate(tmp_path: Path) -> None:
    detail = refused(verdict_on(tmp_path, identity("self", None)))
    assert detail == "certificate CN=self is self-signed and not trusted here; chain: CN=self"


def test_a_name_with_control_characters_is_escaped_and_a_long_one_cut(tmp_path: Path) -> None:
    detail = refused(verdict_on(tmp_path, identity("a\x1b[2J\n", None)))
    assert "CN=a\\x1b[2J\\n is self-signed" in detail
    detail = refused(verdict_on(tmp_path, identity("n" * 64, None)))
    assert len(detail.encode()) <= 200


def test_an_old_protocol_only() -> None:
    """A server of TLS 1.0 answers our hello with its own version (RFC 5246, appendix E)."""
    body = b"\x03\x01" + bytes(32) + b"\x00" + b"\x00\x2f" + b"\x00"
    hello = b"\x02" + len(body).to_bytes(3, "big") + body
    report = probed(answering(b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_RESPONSE)
    assert report.detail.endswith("unsupported protocol: it speaks only versions before TLS 1.2")


ALERTS = [
    (70, "the alert 'protocol version': it speaks neither TLS 1.2 nor 1.3"),
    (40, "the alert 'handshake failure': it has no version or cipher in common with us, or wants a client certificate"),
    (80, "the alert 'internal error'"),
]


@pytest.mark.parametrize(("number", "said"), ALERTS)
def test_an_alert_instead_of_an_answer(number: int, said: str) -> None:
    report = probed(answering(b"\x15\x03\x03\x00\x02\x02" + bytes((number,))))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_RESPONSE)
    assert report.detail.endswith(f"failed in the handshake, it sent {said}")


def test_a_client_certificate_that_is_wanted_after_the_handshake(tmp_path: Path) -> None:
    context = identity("good", ROOT).server_context(tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    report = probed(secured(context))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_RESPONSE)
    assert report.detail.endswith(
        "failed after the handshake, it sent the alert 'certificate required': it wants a client certificate"
    )


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", b"220 mail\x1b ESMTP\r\n"])
def test_a_server_that_speaks_plain_text_is_quoted(answer: bytes) -> None:
    report = probed(answering(answer))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_RESPONSE)
    assert "not TLS: 127.0.0.1:" in report.detail
    assert report.detail.endswith(("answered 'HTTP/1.1 400 Bad Request'", "answered '220 mail\\x1b ESMTP'"))


def noise(connection: socket.socket, _: threading.Event) -> None:
    connection.recv(65536)
    connection.sendall(b"\x16" + b"\xff" * 500)


def test_noise_that_begins_like_tls() -> None:
    report = probed(noise)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_RESPONSE)
    assert "failed in the handshake, its answer was refused" in report.detail


def cut_after(context: ssl.SSLContext, size: int, end: Callable[[socket.socket], None]) -> Handler:
    """Send the first bytes of a good server's answer, then end the connection."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        inside = context.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(connection.recv(65536))
        with pytest.raises(ssl.SSLWantReadError):
            inside.do_handshake()
        connection.sendall(outgoing.read()[:size])
        end(connection)

    return handle


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)


def test_closed_in_the_middle_of_the_handshake(tmp_path: Path) -> None:
    context = identity("good", ROOT).server_context(tmp_path)
    report = probed(cut_after(context, 100, lambda connection: None))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.CLOSED)
    assert report.detail == "closed in the TLS handshake, after 100 bytes"


def test_reset_in_the_middle_of_the_handshake(tmp_path: Path) -> None:
    report = probed(cut_after(identity("good", ROOT).server_context(tmp_path), 0, reset))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.RESET)
    assert report.detail.startswith("TLS handshake with 127.0.0.1:")
    assert report.detail.endswith(": Connection reset by peer (ECONNRESET)")


def test_a_handshake_that_does_not_end_times_out_at_the_deadline() -> None:
    with serving(silent) as port, engine() as harness:
        report = harness.first(binding(kind="HTTPS", port=port, timeout_ms=1000))
        assert 900 <= harness.elapsed_ms(1) <= 1100
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.TIMEOUT_TLS)
    assert report.detail == f"TLS handshake with 127.0.0.1:{port} not done within 1000 ms: nothing came"


def test_a_handshake_one_byte_at_a_time_times_out_too(tmp_path: Path) -> None:
    context = identity("good", ROOT).server_context(tmp_path)

    def slow(connection: socket.socket, ended: threading.Event) -> None:
        def trickle(data: bytes) -> None:
            for place in range(len(data)):
                connection.sendall(data[place : place + 1])
                if ended.wait(0.1):
                    return

        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        inside = context.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(connection.recv(65536))
        with pytest.raises(ssl.SSLWantReadError):
            inside.do_handshake()
        trickle(outgoing.read())

    report = probed(slow, timeout_ms=500)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.TIMEOUT_TLS)
    assert " not done within 500 ms: only " in report.detail


def test_after_the_handshake_the_kind_says_what_is_missing(tmp_path: Path) -> None:
    context = identity("good", ROOT).server_context(tmp_path)

    def mute(connection: socket.socket, ended: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True):
            ended.wait()

    assert probed(mute, timeout_ms=300).reason is Reason.TIMEOUT_FIRST_BYTE
    assert probed(secured(context, b"HTTP/1.1 200")).reason is Reason.CLOSED


def test_an_answer_in_many_records_and_a_long_one(tmp_path: Path) -> None:
    context = identity("good", ROOT).server_context(tmp_path)
    long = b"HTTP/1.1 200 OK\r\n" + b"X: %s\r\n" % (b"x" * 1000) * 50 + b"\r\n"

    def piecemeal(connection: socket.socket, _: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            inside.recv(65536)
            for place in range(0, len(long), 700):
                inside.sendall(long[place : place + 700])
            inside.unwrap()

    assert probed(secured(context, long)).verdict is Verdict.UP
    assert probed(piecemeal).verdict is Verdict.UP


def test_a_handshake_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change-cipher-spec records may stand anywhere in a handshake of TLS 1.3 (RFC 8446, section 5)."""
    monkeypatch.setattr(tls, "BARREN_BYTES", 1000)
    report = probed(answering(b"\x16\x03\x03\x40\x00\x02\x00\xff\xff" + bytes(5000)))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.TOO_LARGE)
    assert report.detail == "more than 1000 bytes of TLS and the handshake is not done"


def test_the_name_asked_for_and_the_whole_handshake_each_time(tmp_path: Path) -> None:
    context = identity("good", ROOT, ("www.example",)).server_context(tmp_path)
    asked: list[str | None] = []
    resumed: list[bool | None] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)

    def handle(connection: socket.socket, _: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            inside.recv(65536)
            resumed.append(inside.session_reused)
            inside.sendall(OK)

    row = binding(kind="HTTPS", interval_ms=50, window=100, server_name="www.example.", **VERIFIED)
    with serving(handle) as port, engine() as harness:
        harness.probe(type(row)(**{name: getattr(row, name) for name in row.__slots__} | {"port": port}))
        harness.until(lambda: harness.reports and harness.reports[-1].count >= 3, "three probes")
        assert harness.reports[-1].verdict is Verdict.UP
    assert set(asked) == {"www.example"}
    assert set(resumed) == {False}


def test_the_target_sees_the_end_of_the_handshake_and_a_goodbye(tmp_path: Path) -> None:
    context = identity("good", ROOT).server_context(tmp_path)
    seen: list[object] = []

    def handle(connection: socket.socket, _: threading.Event) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as inside:
                seen.append(inside.recv(100))
        except OSError as error:
            seen.append(error)

    with serving(handle) as port, engine() as harness:
        harness.first(binding(kind="TLS", port=port))
        harness.until(lambda: seen, "the server has seen the end")
    assert seen == [b""]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"server_name": "not a name"}, "server_name 'not a name' is no host name: write it like www.example.org"),
        ({"tls_verify": True, "ca_ref": "env:WATCHBILL_SECRET_BAD"}, "ca_ref names no certificates: its content must"),
        (
            {"tls_verify": True, "ca_ref": "env:WATCHBILL_SECRET_NONE"},
            "secret env:WATCHBILL_SECRET_NONE: this node has",
        ),
    ],
)
def test_settings_that_make_no_sense_are_ours(
    settings: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_BAD", "no PEM")
    with engine() as harness:
        report = harness.first(binding(kind="HTTPS", **settings))
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    assert report.detail.startswith(message)


def test_bindings_with_the_same_settings_share_a_context(tmp_path: Path) -> None:
    before = tls.client_context.cache_info()
    with engine() as harness:
        harness.probe(*[binding(number, "HTTPS", server_name=f"s{number}.example") for number in range(1, 51)])
    assert tls.client_context.cache_info().misses - before.misses <= 1


def test_what_a_handshake_took_is_free_after_the_probe(tmp_path: Path) -> None:
    context = identity("good", ROOT).server_context(tmp_path)
    for handler in (secured(context), cut_after(context, 0, reset), answering(b"plain")):
        with serving(handler) as port, engine() as harness:
            harness.first(binding(kind="HTTPS", port=port))
            layer = harness.loop.table.entries[1].layer
            assert layer is not None
            assert layer._tls is None


def test_M6_kinds_that_are_always_secure() -> None:
    for name in ("HTTPS", "TLS"):
        assert KINDS[name].wire_of(binding(kind=name)) is Wire.TLS
