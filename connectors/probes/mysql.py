"""MYSQL: the target is up if a MySQL or MariaDB server lets us in and answers a query (M-6, M-8).

Rule: with `user_name` the probe logs in, runs `sql_query` if there is one, looks for `recv` in its rows and quits.
Without a user only the server's greeting is read; MySQL counts each such visit as a failed connection, and blocks a
host after max_connect_errors of them in a row, so a user is the better choice. Outside of TLS a password leaves this
node only as a digest, or encrypted for the key that the server names; one that wants it in the clear gets none.
Source: the MySQL client/server protocol, "Connection Phase" and "Text Protocol".
"""

from __future__ import annotations

from connectors.engine.binding import Binding
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.fields import Fields
from connectors.probes.framed import FramedConversation, Malformed
from connectors.probes.matching import quoted
from connectors.probes.mysql_login import CLEAR_TEXT, PLUGINS, encrypted_password
from connectors.probes.mysql_packets import (
    END,
    ERROR,
    FAST_SUCCESS,
    FULL_LOGIN,
    IN_TLS,
    LOCAL_INFILE,
    MORE,
    NAMED_LOGIN,
    OK,
    PROTOCOL_41,
    PUBLIC_KEY_PLEASE,
    QUERY,
    QUIT,
    SECURE_LOGIN,
    WITH_DATABASE,
    column,
    counted,
    greeting_fields,
    is_end,
    login_head,
    packet,
    packet_length,
    refusal,
)
from connectors.probes.outcome import UP, Outcome, down
from connectors.probes.preamble import FramedPreamble
from connectors.probes.rows import LOGIN, Rows
from connectors.probes.secrets import secret
from schemas.probes import Reason


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


MYSQL = Kind("MYSQL", Wire.STREAM, LOGIN, MysqlConversation)
