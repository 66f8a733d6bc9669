"""BER as LDAP and SNMP use it: a tag, a length, and that many bytes (X.690, section 8).

Rule: the reader takes what those protocols send and no more: tags of one byte, definite lengths of at most four bytes,
never beyond what is there (RFC 4511, section 5.1, forbids the rest for LDAP). Nothing is read by recursion: a caller
enters one level at a time, so a million nested sequences cost nothing. The writer gives the shortest form, which is
DER. Why not a library of ASN.1: they parse schemas, and these are five messages.
"""

from __future__ import annotations

from connectors.probes.framed import Malformed

BOOLEAN, INTEGER, BIT_STRING, OCTETS, NULL, OBJECT_ID, ENUMERATED = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A
SEQUENCE = 0x30
HEADER_BYTES = 6
"""The longest header: a tag, the length of the length, four bytes of length."""

INTEGER_BYTES = 8
"""The longest number that is read as one."""


class BerReader:
    """The elements at one level, one after the other. Every method raises Malformed where the bytes are wrong."""

    __slots__ = ("_data", "_place")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    @property
    def done(self) -> bool:
        """Whether all elements were read."""
        return self._place == len(self._data)

    def next(self) -> tuple[int, bytes]:
        """The next element: its tag and its content."""
        header, length = measure(self._data, self._place)
        start = self._place + header
        if not header or start + length > len(self._data):
            raise Malformed(f"an element that is cut off, {len(self._data) - self._place} bytes before the end")
        tag = self._data[self._place]
        self._place = start + length
        return tag, self._data[start : self._place]

    def expect(self, tag: int) -> bytes:
        """The content of the next element, which must have this tag."""
        found, content = self.next()
        if found != tag:
            raise Malformed(f"an element of type 0x{found:02x} in the place of 0x{tag:02x}")
        return content

    def enter(self, tag: int) -> BerReader:
        """The elements inside the next element, which must have this tag."""
        return BerReader(self.expect(tag))

    def integer(self, tag: int = INTEGER) -> int:
        """A whole number, also under another tag such as ENUMERATED; at most eight bytes."""
        content = self.expect(tag)
        if not 1 <= len(content) <= INTEGER_BYTES:
            raise Malformed(f"a number of {len(content)} bytes")
        return int.from_bytes(content, "big", signed=True)


def measure(data: bytes | bytearray, place: int = 0) -> tuple[int, int]:
    """Bytes of the header and of the content of the element at `place`; (0, 0) while the header is incomplete."""
    left = len(data) - place
    if left and data[place] & 0x1F == 0x1F:
        raise Malformed("a tag of more than one byte")
    if left < 2:
        return 0, 0
    first = data[place + 1]
    if first < 0x80:
        return 2, first
    width = first & 0x7F
    if not 1 <= width <= 4:
        raise Malformed(f"a length of the form 0x{first:02x}")
    if left < 2 + width:
        return 0, 0
    return 2 + width, int.from_bytes(data[place + 2 : place + 2 + width], "big")


def element(tag: int, *parts: bytes) -> bytes:
    """An element whose content is these parts."""
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def integer(value: int, tag: int = INTEGER) -> bytes:
    """A whole number in as few bytes as it needs."""
    width = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return element(tag, value.to_bytes(width, "big", signed=True))


def octets(value: bytes, tag: int = OCTETS) -> bytes:
    """Bytes as they are."""
    return element(tag, value)


def object_id(dotted: str) -> bytes:
    """An object identifier such as 1.3.6.1.2.1.1.3.0. Raises ValueError if it is none."""
    arcs = [int(arc) for arc in dotted.strip(".").split(".")]
    if len(arcs) < 2 or not 0 <= arcs[0] <= 2 or min(arcs) < 0 or (arcs[0] < 2 and arcs[1] > 39):
        raise ValueError(f"{dotted!r} is no object identifier: write it like 1.3.6.1.2.1.1.3.0")
    content = b"".join(_arc(arc) for arc in (arcs[0] * 40 + arcs[1], *arcs[2:]))
    return element(OBJECT_ID, content)


def dotted_object_id(content: bytes) -> str:
    """The content of an object identifier as people write it."""
    arcs, value = [], 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if value >= 1 << 35:
            raise Malformed("an object identifier with an arc beyond 32 bits")
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    if not content or content[-1] & 0x80:
        raise Malformed("an object identifier that is cut off")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - first * 40, *arcs[1:])))


def _arc(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))
