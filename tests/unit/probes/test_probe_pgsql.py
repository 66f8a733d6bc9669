"""PGSQL byte by byte: every way of login, also from a server that does not know the password, and servers that lie."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from hashlib import md5, pbkdf2_hmac, sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.probes.framed import Malformed
from connectors.probes.kinds import converse
from connectors.probes.outcome import UP, Outcome
from connectors.probes.pgsql import GOODBYE, PgsqlConversation, message
from connectors.probes.scram import Scram
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding
from tests.unit.probes.answers import closed, one_by_one, overdue, pieces, talk

PASSWORD = "open sesame"
LOGIN_OK = message(b"R", bytes(4))
READY = message(b"S", b"TimeZone\0UTC\0") + message(b"K", bytes(8)) + message(b"Z", b"I")
SASL = message(b"R", b"\x00\x00\x00\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
CLEAR = message(b"R", b"\x00\x00\x00\x03")
STARTING = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_PGSQL", PASSWORD)


def conversation(**settings: Any) -> PgsqlConversation:
    return PgsqlConversation(binding(kind="PGSQL", port=5432, **settings))


def logging_in(**settings: Any) -> PgsqlConversation:
    return conversation(**({"user_name": "watch", "password_ref": "env:WATCHBILL_SECRET_PGSQL"} | settings))


def said(talking: PgsqlConversation, data: bytes) -> bytes:
    """What the conversation answers."""
    step = talking.received(data)
    assert isinstance(step, bytes), step
    return step


def begun(talking: PgsqlConversation) -> bytes:
    """The first words."""
    talking.begin()
    step = talking.connected()
    assert isinstance(step, bytes)
    return step


def row(*values: bytes | None) -> bytes:
    columns = [b"\xff\xff\xff\xff" if each is None else len(each).to_bytes(4, "big") + each for each in values]
    return message(b"D", len(values).to_bytes(2, "big") + b"".join(columns))


def refusal(state: str, text: str) -> bytes:
    return message(b"E", f"SFATAL\0C{state}\0M{text}\0\0".encode())


class ServerScram:
    """The server's side of a login, which knows only what PostgreSQL stores of a password."""

    def __init__(self, password: str, rounds: int = 4096) -> None:
        self.salt, self.rounds = b"sea salt", rounds
        key = pbkdf2_hmac("sha256", password.encode(), self.salt, rounds)
        self.stored = sha256(hmac.digest(key, b"Client Key", "sha256")).digest()
        self.server_key = hmac.digest(key, b"Server Key", "sha256")
        self.bare = self.challenge_text = b""

    def challenge(self, first: bytes) -> bytes:
        mechanism, _, rest = first[5:].partition(b"\0")
        assert mechanism == b"SCRAM-SHA-256"
        self.bare = rest[4:].removeprefix(b"n,,")
        nonce = self.bare.partition(b"r=")[2] + b"more"
        self.challenge_text = b"r=%s,s=%s,i=%d" % (nonce, b64encode(self.salt), self.rounds)
        return message(b"R", b"\x00\x00\x00\x0b" + self.challenge_text)

    def judge(self, final: bytes) -> bytes:
        """Asserts that the proof is right; answers the server's own."""
        bare, _, proof = final[5:].partition(b",p=")
        signed = b",".join((self.bare, self.challenge_text, bare))
        mark = hmac.digest(self.stored, signed, "sha256")
        key = bytes(a ^ b for a, b in zip(b64decode(proof), mark, strict=True))
        assert sha256(key).digest() == self.stored
        signature = b64encode(hmac.digest(self.server_key, signed, "sha256"))
        return message(b"R", b"\x00\x00\x00\x0cv=" + signature)


def test_the_first_words_as_the_protocol_has_them() -> None:
    assert begun(logging_in(database="shop")) == (
        b"\x00\x00\x00\x3d\x00\x03\x00\x00user\0watch\0database\0shop\0application_name\0watchbill\0\0"
    )


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (SASL, Verdict.UP),
        (LOGIN_OK, Verdict.UP),
        (refusal("28000", "no pg_hba.conf entry"), Verdict.UP),
        (refusal("3D000", "no such database"), Verdict.UP),
        (message(b"E", STARTING), Verdict.DOWN),
        (refusal("53300", "sorry, too many clients already"), Verdict.DOWN),
    ],
)
def test_M6_without_a_user_the_question_is_whether_logins_are_taken(answer: bytes, verdict: Verdict) -> None:
    for parts in ([answer], one_by_one(answer)):
        outcome = talk(conversation(), parts)
        assert outcome is not None
        assert outcome.verdict is verdict


def test_a_server_that_starts_up_says_so() -> None:
    outcome = talk(logging_in(), [message(b"E", STARTING)])
    assert outcome == Outcome(Verdict.DOWN, Reason.BAD_STATUS, "FATAL 57P03: the database system is starting up")


def test_a_login_without_a_proof() -> None:
    talking = logging_in()
    begun(talking)
    assert talking.received(LOGIN_OK) is None
    assert said(talking, READY) == GOODBYE
    assert talking.closed() is UP
    assert talking.overdue() is UP


def test_a_login_by_md5() -> None:
    talking = logging_in()
    begun(talking)
    inner = md5((PASSWORD + "watch").encode()).hexdigest().encode()
    proof = b"md5" + md5(inner + b"salt").hexdigest().encode() + b"\0"
    assert said(talking, message(b"R", b"\x00\x00\x00\x05salt")) == message(b"p", proof)
    assert said(talking, LOGIN_OK + READY) == GOODBYE


def test_a_login_by_scram() -> None:
    talking, server = logging_in(), ServerScram(PASSWORD)
    for _ in range(2):
        begun(talking)
        proof = said(talking, server.challenge(said(talking, SASL)))
        assert said(talking, server.judge(proof) + LOGIN_OK + READY) == GOODBYE
        assert talking.closed() is UP


def test_scram_as_in_rfc_7677() -> None:
    scram = Scram("pencil", "user")
    assert scram.first(b64decode("rOprNGfwEbeRWgbNEkqO")) == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    nonce = b"rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    final = scram.proof(b"r=" + nonce + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    assert final == b"c=biws,r=" + nonce + b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    scram.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    with pytest.raises(Malformed, match="does not know the password"):
        scram.verify(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize(
    "final", [LOGIN_OK, message(b"R", b"\x00\x00\x00\x0cv=" + b64encode(bytes(32))), SASL, READY, CLEAR]
)
def test_a_server_that_does_not_know_the_password_is_not_believed(final: bytes) -> None:
    talking, server = logging_in(), ServerScram(PASSWORD)
    begun(talking)
    said(talking, server.challenge(said(talking, SASL)))
    outcome = talking.received(final)
    assert isinstance(outcome, Outcome)
    assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, Reason.BAD_RESPONSE)


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"r=stranger,s=c2FsdA==,i=4096",
        b"r=%s,s=c2FsdA==,i=4096",
        b"r=%smore,s=c2FsdA==,i=0",
        b"r=%smore,s=c2FsdA==,i=999999999",
        b"r=%smore,s=c2FsdA==,i=many",
        b"r=%smore,s=?,i=4096",
    ],
)
def test_challenges_that_are_none_cost_nothing(challenge: bytes) -> None:
    talking = logging_in()
    begun(talking)
    nonce = said(talking, SASL).rpartition(b"r=")[2]
    outcome = talking.received(message(b"R", b"\x00\x00\x00\x0b" + challenge.replace(b"%s", nonce)))
    assert isinstance(outcome, Outcome)
    assert outcome.reason is Reason.BAD_RESPONSE


def test_a_password_in_the_clear_is_given_inside_tls_only() -> None:
    outcome = talk(logging_in(), [CLEAR])
    assert outcome is not None
    assert outcome.reason is Reason.BAD_STATUS
    assert outcome.detail.startswith("the server wants the password of watch in the clear: give secure=yes")
    talking = logging_in(secure=True)
    begun(talking)
    assert said(talking, CLEAR) == message(b"p", PASSWORD.encode() + b"\0")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"N", Reason.BAD_STATUS),
        (b"S\x00", Reason.BAD_RESPONSE),
        (b"SR", Reason.BAD_RESPONSE),
        (message(b"E", STARTING), Reason.BAD_STATUS),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Reason.BAD_RESPONSE),
    ],
)
def test_M18_where_tls_cannot_begin(answer: bytes, reason: Reason) -> None:
    outcome = talk(logging_in(secure=True).preamble, [answer])
    assert outcome is not None
    assert outcome.reason is reason


def test_M18_before_tls_only_the_wish_for_it_is_said() -> None:
    preamble = logging_in(secure=True).preamble
    preamble.begin()
    assert preamble.connected() == b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
    assert preamble.received(b"S") is None
    assert preamble.ready
    preamble.begin()
    assert not preamble.ready


def test_M8_queries() -> None:
    query = {"sql_query": "SELECT name FROM parts", "recv": "bolt\\t3"}
    talking = logging_in(**query)
    begun(talking)
    assert said(talking, LOGIN_OK + READY) == message(b"Q", b"SELECT name FROM parts\0")
    end = message(b"C", b"SELECT 1\0") + message(b"Z", b"I")
    assert said(talking, message(b"T", b"\0\0") + row(b"bolt", b"3") + end) == GOODBYE
    assert talking.closed() is UP
    outcome = talk(logging_in(**query), [LOGIN_OK + READY, row(b"nut", None) + end], closed)
    assert outcome == Outcome(Verdict.DOWN, Reason.MISMATCH, 'expected "bolt\\t3", got "nut\\tNULL\\n"')


@pytest.mark.parametrize(
    ("answers", "reason", "words"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], Reason.BAD_RESPONSE, "not a PostgreSQL server"),
        ([b"-ERR unknown command\r\n"], Reason.BAD_RESPONSE, "not a PostgreSQL server"),
        ([b"R\x00\x00\x00\x03"], Reason.BAD_RESPONSE, "not a PostgreSQL server"),
        ([b"R\x3f\xff\xff\xff"], Reason.TOO_LARGE, "announced, at most 65536"),
        ([message(b"R", b"\x00\x00")], Reason.BAD_RESPONSE, "a field of 4 bytes where 2 are left"),
        ([message(b"R", b"\x00\x00\x00\x07")], Reason.BAD_STATUS, "a login by GSSAPI: let watch log in by scram"),
        ([message(b"R", b"\x00\x00\x00\x0aOAUTHBEARER\0\0")], Reason.BAD_STATUS, "no SCRAM-SHA-256, only OAUTHBEARER"),
        ([message(b"E", b"SFATAL\0Cxx")], Reason.BAD_RESPONSE, "a text without an end"),
        ([message(b"D", b"\x00\x00")], Reason.BAD_RESPONSE, "no answer to a login"),
        ([LOGIN_OK, message(b"S", bytes(4)) * 10_000], Reason.TOO_LARGE, "announced, at most 65536"),
    ],
)
def test_servers_that_refuse_and_servers_that_are_none(answers: list[bytes], reason: Reason, words: str) -> None:
    outcome = talk(logging_in(), answers, overdue)
    assert outcome is not None
    assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, reason)
    assert words in outcome.detail
    assert outcome.detail.isprintable()


@pytest.mark.parametrize(
    "answer",
    [
        message(b"G", bytes(3)),
        message(b"D", b"\x00\x02\x00\x00\x00\x01a"),
        message(b"D", b"\x00\x01\x80\x00\x00\x00"),
        message(b"D", b"\xff\xff"),
    ],
)
def test_answers_to_a_query_that_lie(answer: bytes) -> None:
    outcome = talk(logging_in(sql_query="SELECT 1"), [LOGIN_OK + READY, answer], closed)
    assert outcome is not None
    assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, Reason.BAD_RESPONSE)


def test_ends_before_the_verdict() -> None:
    assert talk(conversation(), [], closed).detail == "closed before the answer to the login"
    assert talk(conversation(), [], overdue).reason is Reason.TIMEOUT_FIRST_BYTE
    outcome = talk(logging_in(), [LOGIN_OK], overdue)
    assert outcome == Outcome(Verdict.DOWN, Reason.TIMEOUT_BODY, "no word that the server is ready within 1000 ms")


def test_a_setting_that_makes_no_sense_says_what_to_change() -> None:
    found = converse(binding(kind="PGSQL", sql_query="SELECT 1"))
    assert isinstance(found, Outcome)
    assert (found.verdict, "give user_name too" in found.detail) == (Verdict.INCONCLUSIVE, True)


WORDS = [LOGIN_OK, READY, SASL, CLEAR, row(b"bolt"), message(b"C", b"x\0"), message(b"R", b"\0\0\0\x05salt")]
WORDS += [refusal("28000", "no"), message(b"R", b"\0\0\0\x0br=x,s=c2FsdA==,i=9"), b"E\xff", b"R\x00"]
dialogues = st.lists(st.sampled_from(WORDS) | st.binary(max_size=40), max_size=8).map(b"".join)
answers = dialogues | dialogues.map(lambda rest: LOGIN_OK + READY + rest)


@given(pieces(answers), st.sampled_from([{}, {"sql_query": "SELECT 1"}, {"sql_query": "SELECT 1", "recv": "bolt"}]))
def test_any_bytes_in_any_pieces_have_one_outcome(cut: tuple[bytes, list[bytes]], settings: dict[str, str]) -> None:
    answer, parts = cut
    whole, again = (talk(conversation(user_name="watch", **settings), each, closed) for each in ([answer], parts))
    assert whole is not None
    assert again is not None
    assert (whole.verdict, whole.reason) == (again.verdict, again.reason)
    assert whole.detail.isprintable()


@given(st.binary(max_size=80))
def test_any_challenge_is_one_or_refused(challenge: bytes) -> None:
    talking = conversation(user_name="watch")
    begun(talking)
    said(talking, SASL)
    assert isinstance(talking.received(message(b"R", b"\x00\x00\x00\x0b" + challenge)), Outcome)
