"""A certificate and its key as files that a server program can read, for probes with `secure`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.servers.running import NOBODY, as_root
from tests.unit.engine.authority import identity


@dataclass(frozen=True, slots=True)
class Certified:
    """Of a server on 127.0.0.1; self-signed, so that it is its own authority."""

    certificate: Path
    key: Path

    @property
    def pem(self) -> str:
        """What to trust."""
        return self.certificate.read_text()


def certified(folder: Path, *, unprivileged: bool = False) -> Certified:
    """A new one. Servers refuse a key that others can read: it is that of the user the server runs as."""
    made = identity("server", None)
    found = Certified(folder / "server.pem", folder / "server.key")
    found.certificate.write_bytes(made.certificate.public_bytes(Encoding.PEM))
    found.key.write_bytes(made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    found.key.chmod(0o600)
    if unprivileged and as_root():
        shutil.chown(found.key, NOBODY)
    return found
