"""What the conversations of line protocols (SMTP, Redis) share: a frame is a line, and a line has an end.

Rule: a line longer than LINE_BYTES is no line of these protocols, so a target that never ends one is found out after
that many bytes, however slowly they come. All else is that of every conversation in frames.
"""

from __future__ import annotations

from connectors.probes.framed import FramedConversation, Malformed
from connectors.probes.matching import quoted

LINE_BYTES = 2048
"""Four times what RFC 5321, section 4.5.3.1.5, allows for a reply."""


class LineConversation(FramedConversation):
    """One probe in lines. What takes a frame gets it with its line end; `text_of` takes that off."""

    __slots__ = ()

    def cut(self, data: bytearray) -> int:
        """Where the first line ends."""
        length = data.find(b"\n", 0, LINE_BYTES) + 1
        if not length and len(data) >= LINE_BYTES:
            raise Malformed(f"a line of more than {LINE_BYTES} bytes: {quoted(data)}")
        return length


def text_of(line: bytes) -> str:
    """The line as people read it, without its end."""
    return line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
