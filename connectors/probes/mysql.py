"""MYSQL: the target is up if a MySQL or MariaDB server lets us in and answers a query (M-6, M-8).

Rule: with `user_name` the probe logs in, runs `sql_query` if there is one, looks for `recv` in its rows and quits.
Without a user only the server's greeting is read; MySQL counts each such visit as a failed connection, and blocks a
host after max_connect_errors of them in a row, so a user is the better choice. Outside of TLS a password leaves this
node only as a digest, or encrypted for the key that the server names; one that wants it in the clear gets none.
Source: the MySQL client/server protocol, "Connection Phase" and "Text Protocol".
"""

from __future__ import annotations

from struct import pack

from connectors.engine.binding import Binding
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.fields import Fields
from connectors.probes.framed import FramedConversation, Malformed
from connectors.probes.matching import quoted
from connectors.probes.mysql_login import CLEAR_TEXT, PLUGINS, encrypted_password
from connectors.probes.outcome import UP, Outcome, down
from connectors.probes.preamble import FramedPreamble
from connectors.probes.rows import LOGIN, Rows
from connectors.probes.secrets import secret
from schemas.probes import Reason

OK, MORE, LOCAL_INFILE, END, ERROR = 0x00, 0x01, 0xFB, 0xFE, 0xFF
"""The first byte of what a server says. END is also its wish for another way of login."""

FAST_SUCCESS, FULL_LOGIN = b"\x01\x03", b"\x01\x04"
PROTOCOL = 10
PUBLIC_KEY_PLEASE = b"\x02"
QUIT, QUERY = b"\x01", b"\x03"

WITH_DATABASE, PROTOCOL_41, IN_TLS, SECURE_LOGIN, NAMED_LOGIN = 0x8, 0x200, 0x800, 0x8000, 0x80000
CAPABILITIES = 0x1 | PROTOCOL_41 | 0x2000 | SECURE_LOGIN | NAMED_LOGIN
"""Also long passwords and transactions. Results come in their old form, with an end-of-rows packet."""

PACKET_BYTES = 1 << 16
UTF8 = 45


class MysqlConversation(FramedConversation):
    """Greeting, login, query, goodbye."""

    __slots__ = (
        "_columns",
        "_database",
        "_nonce",
        "_password",
        "_plugin",
        "_plugins",
        "_query",
        "_rows",
        "_secure",
        "_user",
        "greeting",
        "preamble",
    )

    def __init__(self, binding: Binding) -> None:
        super().__init__(binding)
        settings = {**LOGIN, **binding.parameters}
        self._user = str(settings["user_name"])
        self._database = str(settings["database"])
        self._query = str(settings["sql_query"])
        reference = str(settings["password_ref"])
        self._password = secret(reference).encode() if reference else b""
        self._rows = Rows(settings)
        self._plugin, self._nonce = b"", b""
        self._columns = 0
        self._secure = settings["secure"] is True
        self._plugins = {**PLUGINS, **CLEAR_TEXT} if self._secure else PLUGINS
        self.greeting = b""
        """What the server said before TLS began."""
        self.preamble = MysqlPreamble(binding, self)

    def begin(self) -> None:
        """A new probe."""
        super().begin()
        self._rows.clear()
        self.greeting = b""

    def cut(self, data: bytearray) -> int:
        """As in `packet_length`."""
        return packet_length(data)

    def open(self) -> Step:
        """The server speaks first; inside TLS it already has."""
        if self.greeting:
            return self._greeted(self.greeting)
        self.expect("greeting", self._greeted)
        return None

    def _greeted(self, frame: bytes) -> Step:
        fields = greeting_fields(frame)
        if isinstance(fields, Outcome):
            return fields
        capabilities = self._read_greeting(fields)
        if not self._user:
            return UP
        if not capabilities & PROTOCOL_41 or not capabilities & SECURE_LOGIN:
            raise Malformed("a MySQL server older than 4.1, whose login is not safe")
        self.expect("answer to the login", self._logged_in)
        return packet(frame[3] + (2 if self._secure else 1), self._login())

    def _read_greeting(self, fields: Fields) -> int:
        """What the server can; its nonce and its way of login are noted."""
        fields.text()
        fields.take(4)
        nonce = fields.take(8)
        fields.take(1)
        capabilities = fields.number(2, "little")
        self._plugin = b"mysql_native_password"
        if fields.left:
            fields.take(3)
            capabilities |= fields.number(2, "little") << 16
            length = fields.number(1)
            fields.take(10)
            nonce += fields.take(min(fields.left, max(13, length - 8)))
            if capabilities & NAMED_LOGIN and fields.left:
                self._plugin = fields.rest().partition(b"\0")[0]
        self._nonce = nonce[:20]
        return capabilities

    def _login(self) -> bytes:
        """With a proof for the server's default way of login; who logs in otherwise is told so by a switch."""
        prove = PLUGINS.get(self._plugin)
        plugin = self._plugin if prove else b"mysql_native_password"
        proof = prove(self._password, self._nonce) if prove else b""
        database = self._database.encode() + b"\0" if self._database else b""
        head = login_head((WITH_DATABASE if database else 0) | (IN_TLS if self._secure else 0))
        return head + self._user.encode() + b"\0" + bytes([len(proof)]) + proof + database + plugin + b"\0"

    def _logged_in(self, frame: bytes) -> Step:
        """Let in at once, or asked to prove the password, or to do so in another way than the server's default."""
        fields = Fields(frame, 5)
        if frame[4] == END and fields.left:
            return self._switch(frame[3] + 1, fields)
        return self._proved(frame)

    def _switch(self, sequence: int, fields: Fields) -> Step:
        self._plugin = fields.text()
        prove = self._plugins.get(self._plugin)
        if prove is None:
            known = b" or ".join(self._plugins).decode()
            text = f"user {self._user} logs in by {self._plugin.decode('latin-1')}: give a user with {known}"
            return down(Reason.BAD_STATUS, text)
        self._nonce = fields.rest()[:20]
        self.expect("answer to the login", self._proved)
        return packet(sequence, prove(self._password, self._nonce))

    def _proved(self, frame: bytes) -> Step:
        """caching_sha2_password may want more: the server has forgotten the password, and must see it once."""
        said = frame[4:]
        if self._plugin == b"caching_sha2_password":
            if said == FAST_SUCCESS:
                self.expect("answer to the login", self._let_in)
                return None
            if said == FULL_LOGIN and self._secure:
                self.expect("answer to the login", self._let_in)
                return packet(frame[3] + 1, self._password + b"\0")
            if said == FULL_LOGIN:
                self.expect("public key for the login", self._given_key)
                return packet(frame[3] + 1, PUBLIC_KEY_PLEASE)
        return self._let_in(frame)

    def _given_key(self, frame: bytes) -> Step:
        fields = Fields(frame, 5)
        if frame[4] == ERROR:
            return refusal(fields)
        if frame[4] != MORE:
            raise Malformed(f"no public key: {quoted(frame[4:])}")
        self.expect("answer to the login", self._let_in)
        return packet(frame[3] + 1, encrypted_password(self._password, self._nonce, fields.rest()))

    def _let_in(self, frame: bytes) -> Step:
        if frame[4] == ERROR:
            return refusal(Fields(frame, 5))
        if frame[4] != OK:
            raise Malformed(f"no answer to a login: {quoted(frame[4:])}")
        if not self._query:
            return self.finish(UP, packet(0, QUIT))
        self.expect("answer to the query", self._answered)
        return packet(0, QUERY + self._query.encode())

    def _answered(self, frame: bytes) -> Step:
        if frame[4] == OK:
            return self._done(self._rows.judge())
        if frame[4] == ERROR:
            return self._done(refusal(Fields(frame, 5)))
        if frame[4] == LOCAL_INFILE:
            raise Malformed("the server asks for a file of this node; it gets none")
        self._columns = counted(Fields(frame, 4)) or 0
        self.expect("end of the columns", self._described)
        return None

    def _described(self, frame: bytes) -> Step:
        if frame[4] == ERROR:
            return self._done(refusal(Fields(frame, 5)))
        if is_end(frame):
            self.expect("end of the rows", self._row)
        return None

    def _row(self, frame: bytes) -> Step:
        if frame[4] == ERROR:
            return self._done(refusal(Fields(frame, 5)))
        if is_end(frame):
            return self._done(self._rows.judge())
        fields = Fields(frame, 4)
        self._rows.add([column(fields) for _ in range(self._columns)])
        return None

    def _done(self, outcome: Outcome) -> Step:
        """Also after an error the server waits for our next word."""
        return self.finish(outcome, packet(0, QUIT))


class MysqlPreamble(FramedPreamble):
    """The server greets in the clear, and we answer that TLS shall begin; the login then comes inside."""

    __slots__ = ("_inner",)

    def __init__(self, binding: Binding, inner: MysqlConversation) -> None:
        super().__init__(binding)
        self._inner = inner

    def cut(self, data: bytearray) -> int:
        """As in `packet_length`."""
        return packet_length(data)

    def open(self) -> Step:
        """The server speaks first."""
        self.expect("greeting", self._greeted)
        return None

    def _greeted(self, frame: bytes) -> Step:
        fields = greeting_fields(frame)
        if isinstance(fields, Outcome):
            return fields
        fields.text()
        fields.take(13)
        if not fields.number(2, "little") & IN_TLS:
            return down(Reason.BAD_STATUS, "the server offers no TLS: switch it on there, or give secure=no")
        self._inner.greeting = frame
        return self.begin_tls(packet(frame[3] + 1, login_head(IN_TLS)))


def packet_length(data: bytearray) -> int:
    """Three bytes of length, one of sequence, and so many bytes, at least one; 0 while that is not known."""
    if len(data) < 4:
        return 0
    length = int.from_bytes(data[:3], "little")
    if length == 0:
        raise Malformed("an empty packet")
    return 4 + length


def greeting_fields(frame: bytes) -> Fields | Outcome:
    """The fields of a greeting after its first byte, or the outcome if the server refuses us."""
    fields = Fields(frame, 5)
    if frame[4] == ERROR:
        return refusal(fields)
    if frame[4] != PROTOCOL:
        raise Malformed(f"not a MySQL server: {quoted(frame)}")
    return fields


def login_head(capabilities: int) -> bytes:
    """What every login begins with, and all of a wish for TLS."""
    return pack("<IIB23x", CAPABILITIES | capabilities, PACKET_BYTES, UTF8)


def packet(sequence: int, payload: bytes) -> bytes:
    """A payload with its header."""
    return len(payload).to_bytes(3, "little") + bytes([sequence & 0xFF]) + payload


def refusal(fields: Fields) -> Outcome:
    """The outcome of an error packet, such as `MySQL error 1045 (28000): Access denied`."""
    code = fields.number(2, "little")
    message = fields.rest().decode("utf-8", "replace")
    if message.startswith("#"):
        state, message = message[1:6], message[6:]
        return down(Reason.BAD_STATUS, f"MySQL error {code} ({state}): {message}")
    return down(Reason.BAD_STATUS, f"MySQL error {code}: {message}")


def is_end(frame: bytes) -> bool:
    """Whether the packet ends the columns or the rows; a value that begins with the same byte is longer."""
    return frame[4] == END and len(frame) < 13


def counted(fields: Fields) -> int | None:
    """A length-encoded number; None is the mark of NULL."""
    first = fields.number(1)
    if first < 0xFB:
        return first
    if first == 0xFB:
        return None
    widths = {0xFC: 2, 0xFD: 3, 0xFE: 8}
    if first not in widths:
        raise Malformed("a length that is none")
    return fields.number(widths[first], "little")


def column(fields: Fields) -> bytes | None:
    """A value of a row in the text protocol."""
    length = counted(fields)
    return None if length is None else fields.take(length)


MYSQL = Kind("MYSQL", Wire.STREAM, LOGIN, MysqlConversation)
