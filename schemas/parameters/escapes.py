r"""Bytes written as one line of text: what a probe sends (`PING\r\n`) and what it expects.

Rule: `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH` (one byte) are escapes, every other backslash is a fault that says so; all
else is its UTF-8. Records keep the text as written, so that it is shown as it was given; a control character that came
as such, as from "PING\r\n" in YAML's double quotes, is kept as its escape. Why not Python's own escapes: they differ
between text and bytes, and a misspelt one passes for two characters.
"""

from __future__ import annotations

import re

_PLAIN = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}
_WRITTEN = {"\r": r"\r", "\n": r"\n", "\t": r"\t"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PIECE = re.compile(r"[^\\]+|\\(x[0-9A-Fa-f]{2}|.)?")


def escaped_bytes(text: str) -> bytes:
    r"""The bytes of a written text. Raises ValueError with the escape that there is not."""
    return b"".join(_piece(match) for match in _PIECE.finditer(text))


def written_escapes(text: str) -> str:
    r"""The text with its control characters as escapes: one line that means the same bytes."""
    return _CONTROL.sub(lambda match: _WRITTEN.get(match[0], f"\\x{ord(match[0]):02x}"), text)


def _piece(match: re.Match[str]) -> bytes:
    code = match[1]
    if not match[0].startswith("\\"):
        return match[0].encode("utf-8", "replace")
    if code is not None and code in _PLAIN:
        return _PLAIN[code]
    if code is not None and len(code) == 3:
        return bytes((int(code[1:], 16),))
    raise ValueError(f"{match[0]} is no escape: there are \\r \\n \\t \\0 \\xHH, and \\\\ for a backslash")
