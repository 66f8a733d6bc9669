r"""Regular expressions of other systems in ours: what RE2 has not is told, and a text can stand as a pattern.

Rule: PCRE's look-around, back references, possessive and atomic groups are the ones that RE2 refuses, so a node would
say INCONCLUSIVE at every probe: they are told when they are imported. For our patterns `\r\n` ends a line as `\n` does.
"""

from __future__ import annotations

import re

from connectors.config.imports.notices import Notices

NOT_RE2 = re.compile(r"\(\?(?:[=!>|]|<[=!]|\()|\\[1-9]|\\[kgGKRXZ]|[*+?}]\+")


def tell_pattern(pattern: str, line: int, notices: Notices) -> None:
    """Say so if a pattern has what RE2 has not."""
    if NOT_RE2.search(pattern):
        mend = "has what RE2 has not (look-around, back reference): its probes are INCONCLUSIVE until it is rewritten"
        notices.changed(line, f"pattern {pattern[:60]}", mend)


def quoted(text: str) -> str:
    """A text as a pattern that matches it and nothing else."""
    return "".join(_quoted(one) for one in text.replace("\r\n", "\n"))


def _quoted(one: str) -> str:
    code = ord(one)
    if one == "\n":
        return r"\n"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return one if one.isalnum() or one in " _-:=<>@,;\"'/%&~`!#" or code >= 0x80 else f"\\{one}"
