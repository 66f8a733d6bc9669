"""LDAP: the target is up if a directory lets us in and, where `base_dn` is given, has that entry (M-6, M-8).

Rule: a simple bind, as `bind_dn` or as nobody; then a search of the one entry `base_dn` with `filter`; then unbind. The
entry's content stays in the directory: "1.1" asks for no attributes. A name without a password is refused when it is
configured, because a directory takes that for nobody and says yes (RFC 4513, section 5.1.2). A simple bind sends the
password as it is, so give `secure` wherever others can listen.
Source: RFC 4511.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.ber import BOOLEAN, ENUMERATED, SEQUENCE, BerReader, element, integer, measure, octets
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.framed import FramedConversation, Malformed
from connectors.probes.matching import quoted
from connectors.probes.outcome import UP, Outcome, down
from connectors.probes.secrets import secret
from connectors.probes.secure import SECURE
from schemas.parameters.databases import FILTER
from schemas.probes import Reason

DEFAULTS: Mapping[str, ParameterValue] = {
    "bind_dn": "",
    "password_ref": "",
    "base_dn": "",
    "filter": "(objectClass=*)",
    **SECURE,
}

BIND, BIND_ANSWER, UNBIND, SEARCH = 0x60, 0x61, 0x42, 0x63
ENTRY, SEARCH_DONE, REFERENCE, EXTENDED_ANSWER = 0x64, 0x65, 0x73, 0x78
SIMPLE, EQUALS, PRESENT = 0x80, 0xA3, 0x87
FIRST, SECOND, LAST = 1, 2, 3
"""Message ids: bind, search, unbind. A notice of disconnection has 0."""

RESULTS = {
    1: "operationsError",
    2: "protocolError",
    3: "timeLimitExceeded",
    7: "authMethodNotSupported",
    8: "strongerAuthRequired",
    10: "referral",
    11: "adminLimitExceeded",
    13: "confidentialityRequired",
    32: "noSuchObject",
    34: "invalidDNSyntax",
    48: "inappropriateAuthentication",
    49: "invalidCredentials",
    50: "insufficientAccessRights",
    51: "busy",
    52: "unavailable",
    53: "unwillingToPerform",
    80: "other",
}
"""RFC 4511, appendix A, as far as a bind or a search can end so."""


class LdapConversation(FramedConversation):
    """Bind, search, unbind."""

    __slots__ = ("_base_dn", "_bind", "_found", "_search")

    def __init__(self, binding: Binding) -> None:
        super().__init__(binding)
        settings = {**DEFAULTS, **binding.parameters}
        name, reference = str(settings["bind_dn"]), str(settings["password_ref"])
        if bool(name) != bool(reference):
            raise ValueError("bind_dn and password_ref belong together: give both, or none to bind as nobody")
        self._base_dn = str(settings["base_dn"])
        self._bind = bind_request(name, secret(reference) if reference else "")
        self._search = search_request(self._base_dn, str(settings["filter"])) if self._base_dn else b""
        self._found = False

    def cut(self, data: bytearray) -> int:
        """A message is one SEQUENCE."""
        if data and data[0] != SEQUENCE:
            raise Malformed(f"not an LDAP server: {quoted(data)}")
        return sum(measure(data))

    def open(self) -> Step:
        """Bind."""
        self._found = False
        self.expect("answer to the bind", self._bound)
        return self._bind

    def _bound(self, frame: bytes) -> Step:
        kind, answer = operation(frame, FIRST)
        if kind != BIND_ANSWER:
            raise Malformed(f"no answer to a bind: {quoted(frame)}")
        refused = refusal("bind", answer)
        if refused is not None:
            return self.finish(refused, UNBIND_REQUEST)
        if not self._search:
            return self.finish(UP, UNBIND_REQUEST)
        self.expect("end of the search", self._answered)
        return self._search

    def _answered(self, frame: bytes) -> Step:
        kind, answer = operation(frame, SECOND)
        if kind == ENTRY:
            self._found = True
            return None
        if kind == REFERENCE:
            return None
        if kind != SEARCH_DONE:
            raise Malformed(f"no answer to a search: {quoted(frame)}")
        outcome = refusal(f"search of {self._base_dn}", answer)
        if outcome is None and not self._found:
            outcome = down(Reason.MISMATCH, f"no entry {self._base_dn} that matches the filter")
        return self.finish(outcome or UP, UNBIND_REQUEST)


def operation(frame: bytes, expected_id: int) -> tuple[int, bytes]:
    """Type and content of a message's operation. Raises Malformed if it answers another request.

    A server that disconnects says so in a message of its own, number 0 (RFC 4511, section 4.4.1).
    """
    message = BerReader(frame).enter(SEQUENCE)
    message_id = message.integer()
    kind, content = message.next()
    if message_id == 0 and kind == EXTENDED_ANSWER:
        raise Malformed(f"the server disconnects: {result_text(content)}")
    if message_id != expected_id:
        raise Malformed(f"an answer to request {message_id}, not {expected_id}")
    return kind, content


def refusal(doing: str, content: bytes) -> Outcome | None:
    """The outcome of a result that is no success; None if it is."""
    if BerReader(content).integer(ENUMERATED) == 0:
        return None
    return down(Reason.BAD_STATUS, f"LDAP {doing}: {result_text(content)}")


def result_text(content: bytes) -> str:
    """An LDAPResult for people: `invalidCredentials (49)`, and what the server says besides."""
    result = BerReader(content)
    code = result.integer(ENUMERATED)
    result.next()
    said = result.next()[1].decode("utf-8", "replace")
    name = RESULTS.get(code, "error")
    return f"{name} ({code}): {said}" if said else f"{name} ({code})"


def bind_request(name: str, password: str) -> bytes:
    """A simple bind."""
    return message(FIRST, element(BIND, integer(3), octets(name.encode()), octets(password.encode(), SIMPLE)))


def search_request(base_dn: str, condition: str) -> bytes:
    """A search of one entry by its name, for no attributes of it. Raises ValueError for a filter of another form."""
    match = FILTER.fullmatch(condition)
    if match is None:
        raise ValueError(f"filter {condition!r} is not of the form (attribute=value) or (attribute=*)")
    attribute, value = match[1].encode(), match[2].encode()
    wanted = octets(attribute, PRESENT) if value == b"*" else element(EQUALS, octets(attribute), octets(value))
    never_aliases, only_this, no_limit = integer(0, ENUMERATED), integer(0, ENUMERATED), integer(0)
    with_values = element(BOOLEAN, b"\x00")
    no_attributes = element(SEQUENCE, octets(b"1.1"))
    parts = (octets(base_dn.encode()), only_this, never_aliases, no_limit, no_limit, with_values, wanted, no_attributes)
    return message(SECOND, element(SEARCH, *parts))


def message(number: int, content: bytes) -> bytes:
    """A request of ours."""
    return element(SEQUENCE, integer(number), content)


UNBIND_REQUEST = message(LAST, element(UNBIND))

LDAP = Kind("LDAP", Wire.STREAM, DEFAULTS, LdapConversation)
