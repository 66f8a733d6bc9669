"""The body of an HTTP/1 answer, piece by piece: where it ends, and its first bytes without their framing.

Rule: the end is found by RFC 9112, section 6.3: chunks, a length, or the end of the connection. At most WINDOW_BYTES of
it are kept and BODY_BYTES are read, framing included, so a body without an end ends here; every byte is looked at once,
however small the pieces. What the server compressed stays compressed: we ask for nothing of the kind, and a bomb that
nobody unpacks is a small file.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from connectors.probes.matching import WINDOW_BYTES

BODY_BYTES = 64 * 1024
"""The most that is read of a body, its framing included."""

CHUNKS = 512
"""The most chunks that are looked at: 64 KB of tiny ones would cost the time of 1,000 probes."""

LINE_BYTES = 4096
"""The longest line of a chunk's size or of a trailer."""


OF_THE_BODY = frozenset((b"transfer-encoding", b"content-length", b"content-encoding"))


class Framing(Enum):
    """How a body ends."""

    NONE = "none"
    LENGTH = "length"
    CHUNKS = "chunks"
    CLOSE = "close"


class Expecting(Enum):
    """What comes next in a body of chunks (RFC 9112, section 7.1)."""

    SIZE = "the size of a chunk"
    DATA = "the rest of a chunk"
    END_OF_DATA = "the end of a chunk"
    TRAILER = "the last line"


class Malformed(Exception):
    """The target broke the framing; the text says where."""


class TooLong(Exception):
    """The target hides little content in much framing; the text says how much."""


class HttpBody:
    """One body. `complete` once nothing more is to come, or enough has."""

    __slots__ = ("_chunks", "_expecting", "_left", "_line", "complete", "framing", "read_bytes", "window")

    def __init__(self, framing: Framing, length: int = 0) -> None:
        self.framing = framing
        self.window = bytearray()
        """The first bytes of the content."""
        self.read_bytes = 0
        """What was taken, framing included."""
        self.complete = framing is Framing.NONE or (framing is Framing.LENGTH and length == 0)
        self._left = length
        """Bytes until the end of the body (LENGTH) or of the chunk (DATA)."""
        self._line = bytearray()
        self._expecting = Expecting.SIZE
        self._chunks = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises Malformed, or TooLong."""
        if self.complete:
            return
        data = data[: BODY_BYTES - self.read_bytes]
        self.read_bytes += len(data)
        if self.framing is Framing.CHUNKS:
            self._feed_chunks(data)
        elif self.framing is Framing.LENGTH:
            self._keep(data[: self._left])
            self._left -= len(data)
            self.complete = self.complete or self._left <= 0
        else:
            self._keep(data)
        if self.read_bytes == BODY_BYTES and not self.complete:
            raise TooLong(f"{BODY_BYTES} bytes of the body hold {len(self.window)} of content and no end")

    def missing(self) -> str:
        """What has not come, for people."""
        if self.framing is Framing.LENGTH:
            return f"the last {self._left} bytes of the body"
        return self._expecting.value if self.framing is Framing.CHUNKS else "the end of the body"

    def _keep(self, data: bytes) -> None:
        self.window += data[: WINDOW_BYTES - len(self.window)]
        self.complete = self.complete or len(self.window) == WINDOW_BYTES

    def _feed_chunks(self, data: bytes) -> None:
        place = 0
        while place < len(data) and not self.complete:
            if self._expecting is Expecting.DATA:
                taken = data[place : place + self._left]
                place += len(taken)
                self._left -= len(taken)
                self._keep(taken)
                if self._left == 0:
                    self._expecting = Expecting.END_OF_DATA
                continue
            end = data.find(b"\n", place) + 1 or len(data)
            self._line += data[place:end]
            place = end
            if len(self._line) > LINE_BYTES:
                raise Malformed(f"{self._expecting.value} is longer than {LINE_BYTES} bytes")
            if self._line.endswith(b"\n"):
                line = bytes(self._line).rstrip(b"\r\n")
                self._line.clear()
                self._next(line)

    def _next(self, line: bytes) -> None:
        """A whole line of the framing."""
        if self._expecting is Expecting.SIZE:
            self._left = chunk_size(line)
            self._chunks += 1
            if self._chunks > CHUNKS:
                raise TooLong(f"{CHUNKS} chunks hold {len(self.window)} bytes of the body and no end")
            self._expecting = Expecting.DATA if self._left else Expecting.TRAILER
        elif self._expecting is Expecting.END_OF_DATA:
            if line:
                raise Malformed(f"a chunk is longer than its size: {line[:40]!r} follows")
            self._expecting = Expecting.SIZE
        else:
            self.complete = self.complete or not line


def body_of(fields: Mapping[bytes, bytes], code: int, method: str) -> HttpBody:
    """The body that follows a header section with these fields. Raises Malformed."""
    if method == "HEAD" or code in (204, 304):
        return HttpBody(Framing.NONE)
    codings = fields.get(b"transfer-encoding")
    if codings is not None:
        chunked = codings.rpartition(b",")[2].strip().lower() == b"chunked"
        return HttpBody(Framing.CHUNKS if chunked else Framing.CLOSE)
    value = fields.get(b"content-length")
    if value is None:
        return HttpBody(Framing.CLOSE)
    lengths = {part.strip() for part in value.split(b",")} if b"," in value else {value}
    length = lengths.pop()
    if lengths or not length.isdigit() or len(length) > 18:
        raise Malformed(f"Content-Length is no single number: {value[:40]!r}")
    return HttpBody(Framing.LENGTH, int(length))


def header_fields(head: bytes) -> dict[bytes, bytes]:
    """Those fields of a header section that speak of the body, by their names in lower case.

    One that comes again is joined by a comma (RFC 9110, section 5.3). The first line is the status and no field.
    """
    found: dict[bytes, bytes] = {}
    for line in head.split(b"\n")[1:]:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in OF_THE_BODY:
            found[name] = found[name] + b", " + value.strip() if name in found else value.strip()
    return found


def chunk_size(line: bytes) -> int:
    """The size that a chunk's first line names, whatever extensions follow. Raises Malformed."""
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
        raise Malformed(f"no size of a chunk: {line[:40]!r}")
    return int(digits, 16)
