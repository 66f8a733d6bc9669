"""The packets of MySQL's protocol: how they are cut, and what the fields of the common ones mean.

Rule: what stands here depends on nothing but the packet's own bytes; in which order packets come is the conversation's
business. Apart from it, because both of its parts, before and inside TLS, read and write the same packets.
"""

from __future__ import annotations

from struct import pack

from connectors.probes.fields import Fields
from connectors.probes.framed import Malformed
from connectors.probes.matching import quoted
from connectors.probes.outcome import Outcome, down
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
