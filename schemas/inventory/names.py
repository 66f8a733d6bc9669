"""Names of entities: which ones are allowed, and what the name of a group's member says.

Rule: a member's name is `group/address:port` (an IPv6 address in brackets, or a domain name), so `/` is in no other
name, and the name alone gives the member's group, address and port. Nothing else stores them, so nothing can
contradict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from schemas.parameters.reading import canonical_host

NAME_CHARACTERS = 127
NAME_RULE = f"a name has 1 to {NAME_CHARACTERS} letters, digits or _ . : @ -, and begins with a letter, a digit or _"
MEMBER_RULE = "a member is called group/address:port, such as web/10.0.0.3:80, web/[2001:db8::3]:80 or web/a.test:80"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,126}")
_MEMBER = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.:@-]{0,126})/(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class MemberName:
    """What a member's name says."""

    group: str
    address: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.group}/{host}:{self.port}"


def is_name(text: str) -> bool:
    """Whether an entity other than a member may be called so."""
    return _NAME.fullmatch(text) is not None


def member_name(text: str) -> MemberName | None:
    """The parts of a member's name, its address in canonical spelling; None if it is not one."""
    match = _MEMBER.fullmatch(text)
    address = canonical_host(match[2] or match[3]) if match else None
    if match is None or address is None or not 1 <= int(match[4]) <= 65_535:
        return None
    return MemberName(match[1], address, int(match[4]))
