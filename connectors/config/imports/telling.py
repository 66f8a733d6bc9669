"""Words by which other systems' configurations give secrets away: in the names of headers, in texts that are sent.

Rule: what may be a secret is taken for one. A header becomes a reference, which costs an operator a file; a password
that went into configuration is in Kafka for as long as its topic keeps it, and on every page. Of a request line nobody
can tell, so it stays as it is and is told.
"""

from __future__ import annotations

import re

from schemas.parameters.reading import CREDENTIALS

_HEADER = re.compile(r"auth|token|secret|passw|api-?key|x-key|credential|signature", re.IGNORECASE)
_GIVEN = re.compile(r"(passw(or)?d|passwd|pwd|secret|token|api_?key|community)[\"']?\s*[=:]", re.IGNORECASE)
_LOGIN = re.compile(r"\s*(AUTH|PASS|LOGIN|USER)\b", re.IGNORECASE)


def is_secret_header(name: str) -> bool:
    """Whether a header of this name is likely to carry a secret."""
    return name.lower() in CREDENTIALS or _HEADER.search(name) is not None


def may_hold_secret(text: str) -> bool:
    """Whether a text says something like `password=...`."""
    return _GIVEN.search(text) is not None


def logs_in(text: str) -> bool:
    """Whether a text that is sent is a login, such as `AUTH ...`."""
    return _LOGIN.match(text) is not None
