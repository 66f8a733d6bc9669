"""LDAP byte by byte: the requests of RFC 4511, answers, and directories that lie."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.probes.ber import ENUMERATED, SEQUENCE, element, integer, octets
from connectors.probes.kinds import converse
from connectors.probes.ldap import UNBIND_REQUEST, LdapConversation
from connectors.probes.outcome import UP, Outcome
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import RESET_ON_CLOSE, Handler, serving
from tests.unit.probes.answers import closed, one_by_one, overdue, pieces, talk

ENTRY_NAME = "ou=people,dc=example"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_LDAP", "open sesame")


def conversation(**settings: Any) -> LdapConversation:
    return LdapConversation(binding(kind="LDAP", port=389, **settings))


def answer(number: int, kind: int, code: int = 0, words: str = "") -> bytes:
    """A message with an LDAPResult."""
    return element(
        SEQUENCE, integer(number), element(kind, integer(code, ENUMERATED), octets(b""), octets(words.encode()))
    )


BOUND, DONE = answer(1, 0x61), answer(2, 0x65)
ENTRY = element(SEQUENCE, integer(2), element(0x64, octets(ENTRY_NAME.encode()), element(SEQUENCE)))
REFERENCE = element(SEQUENCE, integer(2), element(0x73, octets(b"ldap://other/")))


def test_the_bind_of_rfc_4511() -> None:
    assert conversation().connected() == bytes.fromhex("300c020101600702010304008000")
    named = conversation(bind_dn="cn=w", password_ref="env:WATCHBILL_SECRET_LDAP").connected()
    assert named == bytes.fromhex("301b0201016016020103") + b"\x04\x04cn=w" + b"\x80\x0bopen sesame"


def test_the_search_of_rfc_4511() -> None:
    talking = conversation(base_dn="dc=x", filter="(l=Harbour)")
    talking.begin()
    talking.connected()
    condition = b"\xa3\x0c\x04\x01l\x04\x07Harbour"
    fixed = bytes.fromhex("0a01000a0100020100020100010100")
    operation = b"\x04\x04dc=x" + fixed + condition + b"\x30\x05\x04\x031.1"
    assert talking.received(BOUND) == b"\x30\x2f\x02\x01\x02\x63\x2a" + operation


def test_M6_a_bind_is_enough() -> None:
    talking = conversation()
    talking.begin()
    talking.connected()
    assert talking.received(BOUND) == UNBIND_REQUEST == bytes.fromhex("30050201034200")
    assert talking.closed() is UP
    assert talking.overdue() is UP
    assert talk(conversation(), one_by_one(BOUND), closed) is UP


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([BOUND, ENTRY, DONE], Reason.OK),
        ([BOUND, REFERENCE + ENTRY + DONE], Reason.OK),
        ([BOUND + ENTRY + DONE], Reason.OK),
        ([BOUND, DONE], Reason.MISMATCH),
        ([BOUND, answer(2, 0x65, 32)], Reason.BAD_STATUS),
        ([answer(1, 0x61, 49)], Reason.BAD_STATUS),
    ],
)
def test_M8_an_entry(answers: list[bytes], reason: Reason) -> None:
    outcome = talk(conversation(base_dn=ENTRY_NAME), answers, closed)
    assert outcome is not None
    assert outcome.reason is reason


def test_a_search_begins_without_the_entry_of_the_last_one() -> None:
    talking = conversation(base_dn=ENTRY_NAME)
    assert talk(talking, [BOUND, ENTRY, DONE], closed) is UP
    assert talk(talking, [BOUND, DONE], closed).reason is Reason.MISMATCH


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (
            answer(1, 0x61, 49, "no such\x1bname"),
            Reason.BAD_STATUS,
            "LDAP bind: invalidCredentials (49): no such\\x1bname",
        ),
        (answer(1, 0x61, 123), Reason.BAD_STATUS, "LDAP bind: error (123)"),
        (
            answer(0, 0x78, 52, "going down"),
            Reason.BAD_RESPONSE,
            "the server disconnects: unavailable (52): going down",
        ),
        (answer(7, 0x61), Reason.BAD_RESPONSE, "an answer to request 7, not 1"),
        (answer(1, 0x65), Reason.BAD_RESPONSE, "no answer to a bind"),
        (b"HTTP/1.1 400 Bad Request\r\n", Reason.BAD_RESPONSE, "not an LDAP server"),
        (b"\x30\x84\xff\xff\xff\xff", Reason.TOO_LARGE, "announced, at most 65536"),
        (b"\x30\x80", Reason.BAD_RESPONSE, "a length of the form 0x80"),
        (b"\x30\x02\x02\x05", Reason.BAD_RESPONSE, "cut off"),
        (element(SEQUENCE, integer(1), element(0x61)), Reason.BAD_RESPONSE, "cut off"),
        (BOUND + REFERENCE * 5000, Reason.TOO_LARGE, "announced, at most 65536"),
    ],
)
def test_directories_that_refuse_and_what_is_none(data: bytes, reason: Reason, words: str) -> None:
    outcome = talk(conversation(base_dn=ENTRY_NAME), [data], closed)
    assert outcome is not None
    assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, reason)
    assert words in outcome.detail
    assert outcome.detail.isprintable()


def test_ends_before_the_verdict() -> None:
    assert talk(conversation(), [], closed).detail == "closed before the answer to the bind"
    assert talk(conversation(), [], overdue).reason is Reason.TIMEOUT_FIRST_BYTE
    outcome = talk(conversation(base_dn=ENTRY_NAME), [BOUND, ENTRY], overdue)
    assert outcome == Outcome(Verdict.DOWN, Reason.TIMEOUT_BODY, "no end of the search within 1000 ms")


def test_a_reset_after_the_goodbye_is_no_failure_and_before_it_is_one() -> None:
    def answering(*answers: bytes) -> Handler:
        def handle(connection: socket.socket, _: threading.Event) -> None:
            for each in answers:
                connection.recv(65536)
                connection.sendall(each)
            connection.recv(65536)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

        return handle

    for answers, reason in (((BOUND,), Reason.OK), ((), Reason.RESET)):
        with serving(answering(*answers)) as port, engine() as harness:
            assert harness.first(binding(kind="LDAP", port=port)).reason is reason


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bind_dn": "cn=w"}, "bind_dn and password_ref belong together"),
        ({"password_ref": "env:WATCHBILL_SECRET_LDAP"}, "bind_dn and password_ref belong together"),
        ({"base_dn": "dc=x", "filter": "(|(a=b)(c=d))"}, "is not of the form (attribute=value)"),
        ({"base_dn": "dc=x", "filter": "objectClass=*"}, "is not of the form (attribute=value)"),
    ],
)
def test_a_setting_that_makes_no_sense_says_what_to_change(settings: dict[str, str], words: str) -> None:
    found = converse(binding(kind="LDAP", **settings))
    assert isinstance(found, Outcome)
    assert (found.verdict, words in found.detail) == (Verdict.INCONCLUSIVE, True)


WORDS = [
    BOUND,
    DONE,
    ENTRY,
    REFERENCE,
    answer(1, 0x61, 49),
    answer(0, 0x78, 2),
    answer(2, 0x65, 32),
    b"\x30",
    b"\x30\x81",
]
dialogues = st.lists(st.sampled_from(WORDS) | st.binary(max_size=40), max_size=8).map(b"".join)


@given(pieces(dialogues | dialogues.map(BOUND.__add__)), st.sampled_from([{}, {"base_dn": ENTRY_NAME}]))
def test_any_bytes_in_any_pieces_have_one_outcome(cut: tuple[bytes, list[bytes]], settings: dict[str, str]) -> None:
    data, parts = cut
    whole, again = (talk(conversation(**settings), each, closed) for each in ([data], parts))
    assert whole is not None
    assert again is not None
    assert (whole.verdict, whole.reason) == (again.verdict, again.reason)
    assert whole.detail.isprintable()
