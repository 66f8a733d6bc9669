"""MYSQL byte by byte: every way of login seen from the server, queries, and servers that lie."""

from __future__ import annotations

import socket
import threading
from hashlib import sha1, sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from connectors.probes.kinds import converse
from connectors.probes.mysql import MysqlConversation
from connectors.probes.mysql_packets import CAPABILITIES, IN_TLS, packet
from connectors.probes.outcome import UP, Outcome
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import serving
from tests.unit.probes.answers import closed, one_by_one, overdue, pieces, talk

NONCE = bytes(range(65, 85))
EVERYTHING = 0xFFFFFFFF
OK = b"\x00\x00\x00\x02\x00\x00\x00"
END = b"\xfe\x00\x00\x02\x00"
COLUMN = b"\x03def\x00\x00\x00\x01a\x00\x0c\x21\x00\x10\x00\x00\x00\xfd\x00\x00\x00\x00\x00"
PASSWORD = b"open sesame"
QUIT = b"\x01\x00\x00\x00\x01"


def greeting(plugin: bytes = b"mysql_native_password", capabilities: int = EVERYTHING) -> bytes:
    low, high = capabilities.to_bytes(4, "little")[:2], capabilities.to_bytes(4, "little")[2:]
    head = b"\x0a8.0.36\0" + b"\x01\x00\x00\x00" + NONCE[:8] + b"\0" + low
    return packet(0, head + b"\x2d\x02\x00" + high + b"\x15" + bytes(10) + NONCE[8:] + b"\0" + plugin + b"\0")


def error(code: int, text: str) -> bytes:
    return b"\xff" + code.to_bytes(2, "little") + text.encode()


def rows(*values: bytes) -> bytes:
    """A result of one column, from its second packet of the conversation on."""
    body = [b"\x01", COLUMN, END, *(bytes([len(value)]) + value for value in values), END]
    return b"".join(packet(number, payload) for number, payload in enumerate(body, 1))


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_MYSQL", PASSWORD.decode())


def conversation(**settings: Any) -> MysqlConversation:
    return MysqlConversation(binding(kind="MYSQL", port=3306, **settings))


def logging_in(**settings: Any) -> MysqlConversation:
    login = {"user_name": "watch", "password_ref": "env:WATCHBILL_SECRET_MYSQL"}
    return conversation(**(login | settings))


def said(talking: MysqlConversation, data: bytes) -> bytes:
    """What the conversation answers."""
    step = talking.received(data)
    assert isinstance(step, bytes), step
    return step


def begun(talking: MysqlConversation, plugin: bytes = b"mysql_native_password") -> bytes:
    """The login that answers the greeting."""
    talking.begin()
    assert talking.connected() is None
    return said(talking, greeting(plugin))


def test_M6_a_greeting_is_enough_without_a_user() -> None:
    assert talk(conversation(), [greeting()]) is UP
    assert talk(conversation(), one_by_one(greeting())) is UP


def test_the_login_as_the_protocol_has_it() -> None:
    login = begun(logging_in(database="shop"))
    assert login[:4] == (len(login) - 4).to_bytes(3, "little") + b"\x01"
    assert int.from_bytes(login[4:8], "little") == CAPABILITIES | 0x8
    user, _, rest = login[36:].partition(b"\0")
    proof, database, plugin = rest[1:21], *rest[21:].split(b"\0")[:2]
    assert (user, database, plugin) == (b"watch", b"shop", b"mysql_native_password")
    stored = sha1(sha1(PASSWORD).digest()).digest()
    known = bytes(a ^ b for a, b in zip(proof, sha1(NONCE + stored).digest(), strict=True))
    assert sha1(known).digest() == stored, "the server's own check of the proof"


def test_a_login_says_goodbye_and_ends_when_the_server_closes() -> None:
    talking = logging_in()
    begun(talking)
    assert said(talking, packet(2, OK)) == QUIT
    assert talking.closed() is UP
    assert talking.overdue() is UP
    begun(talking)
    assert talking.closed().reason is Reason.CLOSED, "nothing of the last probe is left"


def test_another_way_of_login_is_followed_once() -> None:
    talking = logging_in()
    begun(talking, b"caching_sha2_password")
    switch = b"\xfemysql_native_password\0" + NONCE[::-1] + b"\0"
    proof = said(talking, packet(2, switch))
    assert proof[:4] == b"\x14\x00\x00\x03"
    again = talking.received(packet(4, switch))
    assert isinstance(again, Outcome)
    assert again.reason is Reason.BAD_RESPONSE


def test_an_unknown_way_of_login_says_what_to_change() -> None:
    talking = logging_in()
    begun(talking)
    outcome = talking.received(packet(2, b"\xfeauth_gssapi_client\0"))
    assert outcome == Outcome(
        Verdict.DOWN,
        Reason.BAD_STATUS,
        "user watch logs in by auth_gssapi_client: give a user with mysql_native_password or caching_sha2_password",
    )


def test_a_password_in_the_clear_is_given_inside_tls_only() -> None:
    wish = packet(2, b"\xfemysql_clear_password\0")
    talking = logging_in()
    begun(talking)
    assert isinstance(talking.received(wish), Outcome)
    talking = logging_in(secure=True)
    talking.begin()
    talking.greeting = greeting(b"mysql_clear_password")
    login = talking.connected()
    assert isinstance(login, bytes)
    assert (login[3], int.from_bytes(login[4:8], "little") & IN_TLS) == (2, IN_TLS)
    assert PASSWORD not in login
    assert said(talking, wish) == packet(3, PASSWORD + b"\0")


def test_caching_sha2_when_the_server_remembers() -> None:
    talking = logging_in()
    login = begun(talking, b"caching_sha2_password")
    proof = login[36:].partition(b"\0")[2][1:33]
    stored = sha256(sha256(PASSWORD).digest()).digest()
    known = bytes(a ^ b for a, b in zip(proof, sha256(stored + NONCE).digest(), strict=True))
    assert sha256(known).digest() == stored
    assert talking.received(packet(2, b"\x01\x03")) is None
    assert said(talking, packet(3, OK)) == QUIT


def test_caching_sha2_when_the_server_forgot_encrypts_for_its_key() -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    talking = logging_in()
    begun(talking, b"caching_sha2_password")
    assert said(talking, packet(2, b"\x01\x04")) == packet(3, b"\x02")
    sealed = said(talking, packet(4, b"\x01" + pem))[4:]
    opened = key.decrypt(sealed, padding.OAEP(padding.MGF1(SHA1()), SHA1(), None))
    assert bytes(a ^ b for a, b in zip(opened, NONCE, strict=False)) == PASSWORD + b"\0"
    assert PASSWORD not in sealed
    assert said(talking, packet(6, OK)) == QUIT


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"secret",
        b"-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----",
        b"-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----",
        # An RSA key of 40 bits
        b"-----BEGIN PUBLIC KEY-----\nMCEwDQYJKoZIhvcNAQEBBQADEAAwDQIGALqrze8BAgMBAAE=\n-----END PUBLIC KEY-----",
    ],
)
def test_a_key_that_is_none_gets_no_password(pem: bytes) -> None:
    talking = logging_in()
    begun(talking, b"caching_sha2_password")
    said(talking, packet(2, b"\x01\x04"))
    outcome = talking.received(packet(4, b"\x01" + pem))
    assert isinstance(outcome, Outcome)
    assert outcome.reason is Reason.BAD_RESPONSE


def test_inside_tls_a_server_that_forgot_gets_the_password_itself() -> None:
    talking = logging_in(secure=True)
    talking.begin()
    talking.greeting = greeting(b"caching_sha2_password")
    talking.connected()
    assert said(talking, packet(3, b"\x01\x04")) == packet(4, PASSWORD + b"\0")


def test_M18_before_tls_only_the_wish_for_it_is_said() -> None:
    talking = logging_in(secure=True)
    preamble = talking.preamble
    preamble.begin()
    assert preamble.connected() is None
    wish = preamble.received(greeting())
    assert isinstance(wish, bytes)
    assert preamble.ready
    assert (wish[:4], len(wish), b"watch" in wish) == (b"\x20\x00\x00\x01", 36, False)
    assert int.from_bytes(wish[4:8], "little") & IN_TLS


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (greeting() + b"\x00", Reason.BAD_RESPONSE),
        (greeting() + packet(1, OK), Reason.BAD_RESPONSE),
        (greeting(capabilities=EVERYTHING & ~IN_TLS), Reason.BAD_STATUS),
        (packet(0, error(1040, "Too many connections")), Reason.BAD_STATUS),
    ],
)
def test_M18_where_tls_cannot_begin(data: bytes, reason: Reason) -> None:
    outcome = talk(logging_in(secure=True).preamble, [data])
    assert outcome is not None
    assert outcome.reason is reason


def test_M8_queries() -> None:
    query = {"sql_query": "SELECT name FROM parts", "recv": "bolt"}
    talking = logging_in(**query)
    begun(talking)
    assert said(talking, packet(2, OK)) == packet(0, b"\x03SELECT name FROM parts")
    assert said(talking, rows(b"bolt", b"nut")) == QUIT
    assert talking.closed() is UP
    outcome = talk(logging_in(**query), [greeting(), packet(2, OK), rows(b"nut"), b"late"], closed)
    assert outcome == Outcome(Verdict.DOWN, Reason.MISMATCH, 'expected "bolt", got "nut\\n"')
    assert talk(logging_in(**query), [greeting(), packet(2, OK), packet(1, OK)], closed).reason is Reason.MISMATCH


@pytest.mark.parametrize(
    ("answers", "reason", "words"),
    [
        ([packet(0, error(1129, "Host '10.0.0.1' is blocked"))], Reason.BAD_STATUS, "MySQL error 1129: Host '10.0"),
        ([greeting(), packet(2, error(1045, "#28000Access denied"))], Reason.BAD_STATUS, "1045 (28000): Access den"),
        ([greeting(capabilities=0x0200)], Reason.BAD_RESPONSE, "older than 4.1"),
        ([packet(0, b"\x0a8.0.36")], Reason.BAD_RESPONSE, "a text without an end"),
        ([b"SSH-2.0-OpenSSH_9.2p1\r\n"], Reason.TOO_LARGE, 'got "SSH-2.0'),
        ([b"\x00\x00\x00\x00"], Reason.BAD_RESPONSE, "an empty packet"),
        ([packet(0, b"\x09old")], Reason.BAD_RESPONSE, "not a MySQL server"),
        ([greeting(), packet(2, b"\x07?")], Reason.BAD_RESPONSE, "no answer to a login"),
        ([b"\xff\xff\xff\x00"], Reason.TOO_LARGE, "announced, at most 65536"),
    ],
)
def test_servers_that_refuse_and_servers_that_are_none(answers: list[bytes], reason: Reason, words: str) -> None:
    outcome = talk(logging_in(), answers, overdue)
    assert outcome is not None
    assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, reason)
    assert words in outcome.detail
    assert outcome.detail.isprintable()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (packet(1, b"\xfb/etc/passwd"), Reason.BAD_RESPONSE),
        (
            packet(1, b"\x01")
            + packet(2, COLUMN)
            + packet(3, END)
            + packet(4, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"),
            None,
        ),
        (packet(1, b"\x01") + packet(2, END) + packet(3, b"\x7fshort"), Reason.BAD_RESPONSE),
        (packet(1, b"\xfc"), Reason.BAD_RESPONSE),
        (packet(1, b"\x01") + packet(2, COLUMN) * 4000, Reason.TOO_LARGE),
        (packet(1, b"\x01") + packet(2, END) + packet(3, error(1317, "#70100Query was killed")), Reason.BAD_STATUS),
    ],
)
def test_answers_to_a_query_that_lie(answer: bytes, reason: Reason | None) -> None:
    talking = logging_in(sql_query="SELECT 1", recv="never")
    outcome = talk(talking, [greeting(), packet(2, OK), answer], closed)
    assert outcome is not None
    assert outcome.verdict is Verdict.DOWN
    assert reason is None or outcome.reason is reason


def test_no_password_in_any_detail() -> None:
    echo = packet(2, error(1, "you said " + PASSWORD.decode()))
    outcome = talk(logging_in(), [greeting(), echo])
    assert outcome is not None
    assert PASSWORD.decode() not in outcome.detail


def test_ends_before_the_verdict() -> None:
    assert talk(conversation(), [], closed).detail == "closed before the greeting"
    assert talk(conversation(), [], overdue).reason is Reason.TIMEOUT_FIRST_BYTE
    assert talk(conversation(), [greeting()[:9]], overdue).reason is Reason.TIMEOUT_BODY
    outcome = talk(logging_in(), [greeting()], overdue)
    assert outcome == Outcome(Verdict.DOWN, Reason.TIMEOUT_BODY, "no answer to the login within 1000 ms")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sql_query": "SELECT 1"}, "need a login: give user_name too"),
        ({"user_name": "watch", "recv": "1"}, "give sql_query too"),
        ({"user_name": "watch", "password_ref": "env:WATCHBILL_SECRET_NONE"}, "env:WATCHBILL_SECRET_NONE"),
    ],
)
def test_a_setting_that_makes_no_sense_says_what_to_change(settings: dict[str, str], message: str) -> None:
    found = converse(binding(kind="MYSQL", **settings))
    assert isinstance(found, Outcome)
    assert (found.verdict, message in found.detail) == (Verdict.INCONCLUSIVE, True)


WORDS = [
    greeting(),
    greeting(b"caching_sha2_password"),
    *(packet(2, each) for each in (OK, END, b"\x01\x03", b"\x01\x04")),
]
WORDS += [rows(b"bolt"), packet(1, b"\x02"), packet(1, COLUMN), packet(3, error(1, "#HY000no")), b"\xff\xff", b"\x00"]
dialogues = st.lists(st.sampled_from(WORDS) | st.binary(max_size=40), max_size=8).map(b"".join)
answers = dialogues | dialogues.map(lambda rest: greeting() + packet(2, OK) + rest)


@given(pieces(answers), st.sampled_from([{}, {"sql_query": "SELECT 1"}, {"sql_query": "SELECT 1", "recv": "bolt"}]))
def test_any_bytes_in_any_pieces_have_one_outcome(cut: tuple[bytes, list[bytes]], settings: dict[str, str]) -> None:
    answer, parts = cut
    whole, again = (talk(conversation(user_name="watch", **settings), each, closed) for each in ([answer], parts))
    assert whole is not None
    assert again is not None
    assert (whole.verdict, whole.reason) == (again.verdict, again.reason)
    assert whole.detail.isprintable()


@given(st.binary(max_size=600))
def test_any_public_key_is_a_key_or_refused(pem: bytes) -> None:
    talking = conversation(user_name="watch")
    begun(talking, b"caching_sha2_password")
    said(talking, packet(2, b"\x01\x04"))
    assert isinstance(talking.received(packet(4, b"\x01" + pem)), Outcome | bytes)


def test_a_server_that_speaks_first_is_not_held_up_by_a_late_ack() -> None:
    def greet(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(greeting())
        ended.wait()

    with serving(greet) as port, engine() as harness:
        reports = [harness.first(binding(number, "MYSQL", port)) for number in range(1, 4)]
    assert {report.verdict for report in reports} == {Verdict.UP}
    assert min(report.response_avg_us for report in reports) < 30_000
