"""References to secrets: how a monitor names a password that only its nodes hold.

Rule: configuration travels in Kafka, is shown by every view and copied into files, so a secret never is in it; there is
`env:WATCHBILL_SECRET_NAME` or `file:name` instead, and each node looks it up for itself. The variable's prefix is
fixed, so that whoever may configure a monitor cannot have a node's other variables sent to a server of his. What is no
reference is never quoted back: it may be the password itself.
"""

from __future__ import annotations

import re

VARIABLE_PREFIX = "WATCHBILL_SECRET_"
_REFERENCE = re.compile(r"env:WATCHBILL_SECRET_[A-Za-z0-9_]{1,100}|file:[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")

CURE = (
    "never write a secret here: put it into a file of every node's secrets folder and give file:NAME, "
    f"or into a variable of every node and give env:{VARIABLE_PREFIX}NAME"
)


def is_secret_ref(text: str) -> bool:
    """Whether the text is a reference; whether a node has what it names is another question."""
    return _REFERENCE.fullmatch(text) is not None
