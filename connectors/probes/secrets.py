"""Looks up a secret that a monitor refers to, in this node's environment or its folder of secrets.

Rule: it is read where the probe is made, in the process that probes, and goes nowhere but into the request: an event,
a log or a detail has the reference only. Faults name the reference and the cure, never a byte of what was read; and
where a target sends a secret back, as an echo of the request does, details show `[secret]` instead. A secret that
changes is read again when its monitor changes or the node starts. Why a folder beside the environment: Kubernetes,
systemd and Docker hand secrets over as files, and a file does not show in /proc/PID/environ.
"""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISREG

from schemas.parameters.secret_refs import CURE, is_secret_ref

FOLDER_VARIABLE = "WATCHBILL_SECRETS"
"""Names the folder; a node hands it down to its engines."""

SECRET_BYTES = 65_536
"""The longest secret."""

MASK = "[secret]"
MASKED_HEAD = 8
"""So many characters of a secret in a row are masked, with what follows of it: texts are cut before they come here."""

_looked_up: tuple[str, ...] = ()
"""What this process has looked up, longest first, so that no detail shows it."""


def secret(ref: str) -> str:
    """The secret behind `env:WATCHBILL_SECRET_NAME` or `file:name`. Raises ValueError with what to mend here."""
    if not is_secret_ref(ref):
        raise ValueError(f"what was given is no reference to a secret: {CURE}")
    source, _, name = ref.partition(":")
    found = _variable(ref, name) if source == "env" else _file(ref, name)
    if not found:
        raise ValueError(f"secret {ref} is empty on this node: fill it")
    if "\0" in found:
        raise ValueError(f"secret {ref} holds a NUL character: it must be text")
    _remember(found)
    return found


def header_secret(ref: str) -> str:
    """The same for the value of a header or a line of a protocol: one line that cannot end it early."""
    found = secret(ref)
    if not found.isascii() or not found.isprintable():
        raise ValueError(f"secret {ref} is not one line of plain characters, and so cannot be sent in a header")
    return found


def redacted(text: str) -> str:
    """The text with every secret that this process has looked up masked, also if its end is cut off."""
    for known in _looked_up:
        head = known[:MASKED_HEAD]
        place = text.find(head)
        while place >= 0:
            same = zip(known, text[place:], strict=False)
            length = next((at for at, (one, other) in enumerate(same) if one != other), len(known))
            text = text[:place] + MASK + text[place + length :]
            place = text.find(head, place + len(MASK))
    return text


def _remember(found: str) -> None:
    global _looked_up
    if found not in _looked_up and len(found) >= MASKED_HEAD // 2:
        _looked_up = tuple(sorted((*_looked_up, found), key=len, reverse=True))


def _variable(ref: str, name: str) -> str:
    found = os.environ.get(name)
    if found is None:
        raise ValueError(f"secret {ref}: this node has no variable {name}: set it before the node starts")
    if len(found) > SECRET_BYTES:
        raise ValueError(_too_long(ref))
    return found


def _file(ref: str, name: str) -> str:
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        cure = f"start it with --secrets FOLDER or set {FOLDER_VARIABLE}"
        raise ValueError(f"secret {ref}: this node has no folder of secrets: {cure}")
    try:
        content = _read(Path(folder), name)
    except OSError as error:
        raise ValueError(f"secret {ref} cannot be read in {folder} on this node: {error.strerror}") from None
    if content is None:
        raise ValueError(f"secret {ref} is no plain file inside {folder} on this node: put one there")
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    if len(content) > SECRET_BYTES:
        raise ValueError(_too_long(ref))
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"secret {ref} is not UTF-8: it must be text") from None  # the cause would quote its bytes


def _read(folder: Path, name: str) -> bytes | None:
    """The file's first bytes, more than allowed; None if a link leads out, or it is no plain file.

    Links inside the folder are followed: Kubernetes mounts secrets as such.
    """
    path = Path(os.path.realpath(folder / name, strict=True))
    if not path.is_relative_to(os.path.realpath(folder, strict=True)):
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        return file.read(SECRET_BYTES + 3) if S_ISREG(os.fstat(descriptor).st_mode) else None


def _too_long(ref: str) -> str:
    return f"secret {ref} is longer than {SECRET_BYTES} bytes: shorten it"
