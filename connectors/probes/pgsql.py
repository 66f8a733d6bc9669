"""PGSQL: the target is up if a PostgreSQL server lets us in and answers a query (M-6, M-8).

Rule: with `user_name` the probe logs in, waits until the server is ready, runs `sql_query` if there is one, looks for
the expected content in its rows and says goodbye. Without a user the question is that of pg_isready: does the server
take logins? Then a refusal of the made-up user is a success, "the database system is starting up" is not. Outside of
TLS a password leaves this node only as a digest; a server that wants it in the clear gets none.
Source: the PostgreSQL manual, "Frontend/Backend Protocol", version 3.0.
"""

from __future__ import annotations

import os
from hashlib import md5

from connectors.engine.binding import Binding
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.fields import Fields
from connectors.probes.framed import FramedConversation, Malformed
from connectors.probes.matching import quoted
from connectors.probes.outcome import UP, Outcome, down
from connectors.probes.preamble import FramedPreamble
from connectors.probes.rows import LOGIN, Rows
from connectors.probes.scram import MECHANISM, Scram
from connectors.probes.secrets import secret
from schemas.probes import Reason

VERSION_3_0 = (196_608).to_bytes(4, "big")
NOBODY = "watchbill"
"""Who asks where no user is given."""

LOGIN_OK, CLEAR_TEXT, MD5, SASL, SASL_GO_ON, SASL_LAST = 0, 3, 5, 10, 11, 12
OTHER_LOGINS = {2: "Kerberos", 6: "SCM", 7: "GSSAPI", 9: "SSPI"}
"""Ways of login that this probe does not know."""

ASIDE = b"NSA"
"""Messages that may come at any time: a notice, a parameter, a notification."""

LETS_OTHERS_IN = (b"28", b"3D", b"42501")
"""SQL states by which a server refuses a user or a database: it works (pg_isready says so too)."""

GOODBYE = b"X\x00\x00\x00\x04"
NONCE_BYTES = 18
TLS_PLEASE = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


class PgsqlConversation(FramedConversation):
    """Login, ready, query, goodbye."""

    __slots__ = ("_database", "_password", "_query", "_rows", "_scram", "_secure", "_user", "preamble")

    def __init__(self, binding: Binding) -> None:
        super().__init__(binding)
        settings = {**LOGIN, **binding.parameters}
        self._user = str(settings["user_name"])
        self._database = str(settings["database"]) or self._user or "postgres"
        self._query = str(settings["sql_query"])
        self._rows = Rows(settings)
        reference = str(settings["password_ref"])
        self._password = secret(reference) if reference else ""
        self._scram = Scram(self._password)
        self._secure = settings["secure"] is True
        self.preamble = PgsqlPreamble(binding)

    def begin(self) -> None:
        """A new probe."""
        super().begin()
        self._rows.clear()

    def cut(self, data: bytearray) -> int:
        """As in `message_length`."""
        return message_length(data)

    def open(self) -> Step:
        """Say who we are."""
        self.expect("answer to the login", self._asked)
        words = ("user", self._user or NOBODY, "database", self._database, "application_name", "watchbill")
        body = VERSION_3_0 + b"".join(word.encode() + b"\0" for word in words) + b"\0"
        return (len(body) + 4).to_bytes(4, "big") + body

    def _asked(self, frame: bytes) -> Step:
        """The server asks for a proof, or refuses."""
        kind, fields = frame[:1], Fields(frame, 5)
        if kind == b"R":
            return self._prove(fields) if self._user else UP
        if kind == b"E":
            return self._refused(fields)
        if kind == b"N":
            return None
        raise Malformed(f"no answer to a login: {quoted(frame)}")

    def _prove(self, fields: Fields) -> Step:
        way = fields.number(4)
        if way == LOGIN_OK:
            self.expect("word that the server is ready", self._waiting)
            return None
        if way == MD5:
            self.expect("answer to the login", self._let_in)
            return message(b"p", md5_proof(self._user.encode(), self._password.encode(), fields.take(4)) + b"\0")
        if way == CLEAR_TEXT and self._secure:
            self.expect("answer to the login", self._let_in)
            return message(b"p", self._password.encode() + b"\0")
        if way == SASL:
            mechanisms = fields.rest().rstrip(b"\0").split(b"\0")
            if MECHANISM not in mechanisms:
                names = b", ".join(mechanisms).decode("latin-1")
                return down(Reason.BAD_STATUS, f"the server takes no {MECHANISM.decode()}, only {names}")
            self.expect("challenge of the login", self._challenged)
            first = self._scram.first(os.urandom(NONCE_BYTES))
            return message(b"p", MECHANISM + b"\0" + len(first).to_bytes(4, "big") + first)
        return down(Reason.BAD_STATUS, other_login(way, self._user))

    def _challenged(self, frame: bytes) -> Step:
        challenge = self._login_message(frame, SASL_GO_ON)
        if isinstance(challenge, Outcome):
            return challenge
        self.expect("server's proof of the password", self._proved)
        return message(b"p", self._scram.proof(challenge))

    def _proved(self, frame: bytes) -> Step:
        """Without its proof a server is not believed, even if it lets us in."""
        final = self._login_message(frame, SASL_LAST)
        if isinstance(final, Outcome):
            return final
        self._scram.verify(final)
        self.expect("answer to the login", self._let_in)
        return None

    def _let_in(self, frame: bytes) -> Step:
        done = self._login_message(frame, LOGIN_OK)
        if isinstance(done, Outcome):
            return done
        self.expect("word that the server is ready", self._waiting)
        return None

    def _login_message(self, frame: bytes, way: int) -> bytes | Outcome:
        """What a message of the login says; the outcome if it is a refusal. Any other message breaks the protocol."""
        fields = Fields(frame, 5)
        if frame[:1] == b"E":
            return self._refused(fields)
        if frame[:1] != b"R" or fields.number(4) != way:
            raise Malformed(f"out of turn: {quoted(frame)}")
        return fields.rest()

    def _waiting(self, frame: bytes) -> Step:
        kind = frame[:1]
        if kind == b"E":
            return self._refused(Fields(frame, 5))
        if kind == b"Z":
            if not self._query:
                return self.finish(UP, GOODBYE)
            self.expect("end of the query's answer", self._answered)
            return message(b"Q", self._query.encode() + b"\0")
        if kind in (b"K", b"v") or kind in ASIDE:
            return None
        raise Malformed(f"no word that the server is ready: {quoted(frame)}")

    def _answered(self, frame: bytes) -> Step:
        kind, fields = frame[:1], Fields(frame, 5)
        if kind == b"E":
            return self.finish(down(Reason.BAD_STATUS, error_text(error_fields(fields))), GOODBYE)
        if kind == b"D":
            self._rows.add([column(fields) for _ in range(fields.number(2))])
            return None
        if kind == b"Z":
            return self.finish(self._rows.judge(), GOODBYE)
        if kind in b"TCI" or kind in ASIDE:
            return None
        raise Malformed(f"no answer to a query: {quoted(frame)}")

    def _refused(self, fields: Fields) -> Outcome:
        found = error_fields(fields)
        if not self._user and found.get(b"C", b"").startswith(LETS_OTHERS_IN):
            return UP
        return down(Reason.BAD_STATUS, error_text(found))


class PgsqlPreamble(FramedPreamble):
    """We ask for TLS, and the server says S or N, a letter without more."""

    __slots__ = ()

    def cut(self, data: bytearray) -> int:
        """A letter; an old or full server answers with an error instead."""
        return message_length(data) if data[:1] == b"E" else min(1, len(data))

    def open(self) -> Step:
        """The wish for TLS."""
        self.expect("answer to the wish for TLS", self._answered)
        return TLS_PLEASE

    def _answered(self, frame: bytes) -> Step:
        if frame == b"S":
            return self.begin_tls()
        if frame == b"N":
            return down(Reason.BAD_STATUS, "the server offers no TLS: switch ssl on there, or give secure=no")
        if frame[:1] == b"E":
            return down(Reason.BAD_STATUS, error_text(error_fields(Fields(frame, 5))))
        raise Malformed(f"not a PostgreSQL server: {quoted(frame + bytes(self._pending))}")


def message_length(data: bytearray) -> int:
    """A letter, four bytes of length, which count themselves, and the rest; 0 while that is not known."""
    if not data:
        return 0
    if not 0x41 <= data[0] <= 0x7A:
        raise Malformed(f"not a PostgreSQL server: {quoted(data)}")
    if len(data) < 5:
        return 0
    length = int.from_bytes(data[1:5], "big")
    if not 4 <= length < 1 << 30:
        raise Malformed(f"not a PostgreSQL server: {quoted(data)}")
    return 1 + length


def message(kind: bytes, body: bytes) -> bytes:
    """A message of ours."""
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def md5_proof(user: bytes, password: bytes, salt: bytes) -> bytes:
    """What a server with md5 in its pg_hba.conf wants: a digest of a digest and its salt."""
    inner = md5(password + user, usedforsecurity=False).hexdigest().encode()
    return b"md5" + md5(inner + salt, usedforsecurity=False).hexdigest().encode()


def other_login(way: int, user: str) -> str:
    """What to change where the server asks for what we do not give."""
    if way == CLEAR_TEXT:
        return f"the server wants the password of {user} in the clear: give secure=yes, or scram-sha-256 in pg_hba.conf"
    name = OTHER_LOGINS.get(way, f"way {way}")
    return f"the server wants a login by {name}: let {user} log in by scram-sha-256 in its pg_hba.conf"


def column(fields: Fields) -> bytes | None:
    """A value of a row; None is NULL."""
    length = fields.number(4, signed=True)
    return None if length == -1 else fields.take(length)


def error_fields(fields: Fields) -> dict[bytes, bytes]:
    """The parts of an ErrorResponse by their letter: S severity, C state, M message."""
    found: dict[bytes, bytes] = {}
    while fields.left and (letter := fields.take(1)) != b"\0":
        found.setdefault(letter, fields.text())
    return found


def error_text(found: dict[bytes, bytes]) -> str:
    """As psql prints it, with the SQL state: `FATAL 57P03: the database system is starting up`."""
    severity, state, text = (found.get(letter, b"").decode("utf-8", "replace") for letter in (b"S", b"C", b"M"))
    return f"{severity or 'error'} {state or 'without a state'}: {text}"


PGSQL = Kind("PGSQL", Wire.STREAM, LOGIN, PgsqlConversation)
