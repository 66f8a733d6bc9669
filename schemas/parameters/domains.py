"""Domain names as people give them for a server, in the one spelling that records keep.

Rule: what could be an address with a slip (10.0.0.300, 10.0.0) is never taken for a name: the last label of a name is
not a number. Names are plain ASCII, as DNS carries them; lower case and without the dot at the end, so that two
spellings are one name. Nothing here asks DNS: a configuration is right or wrong without it.
"""

from __future__ import annotations

import re

DOMAIN_CHARACTERS = 253
DOMAIN_FITS = "a domain name such as web.example.org (letters, digits, - and _; xn-- for others)"
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


def canonical_domain(text: str) -> str | None:
    """The one spelling of a domain name; None if the text is not one."""
    name = text.strip().lower().removesuffix(".")
    if not 1 <= len(name) <= DOMAIN_CHARACTERS:
        return None
    labels = name.split(".")
    if labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return name
