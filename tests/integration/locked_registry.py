"""A schema registry that demands a login: Debian's HAProxy before a real one, in the clear and over TLS.

Rule: the users are HAProxy's (`userlist`): one may register schemas, one may only read them, and whoever is neither is
told 401. The certificate is signed by an authority of the test's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.servers.running import free_port, needed, running
from tests.unit.engine.authority import authority, identity

WRITER, READER = "feeder", "analyst"
PASSWORDS = {WRITER: "Barley-and-Ropes-41", READER: "Candles-in-March-12"}
CONFIGURATION = """
global
    maxconn 100
defaults
    mode http
    timeout connect 2s
    timeout client 15s
    timeout server 15s
userlist people
    group writers users {writer}
    user {writer} insecure-password {passwords[feeder]}
    user {reader} insecure-password {passwords[analyst]}
listen registry
    bind 127.0.0.1:{plain_port}
    bind 127.0.0.1:{tls_port} ssl crt {folder}/registry.pem
    http-request auth realm registry unless {{ http_auth(people) }}
    http-request deny deny_status 403 unless METH_GET or {{ http_auth_group(people) writers }}
    server one 127.0.0.1:{registry_port}
"""


@dataclass(frozen=True)
class Locked:
    """Its two addresses, and the file of the authority behind the second."""

    plain: str
    tls: str
    authority_path: Path


@contextmanager
def locked(folder: Path, registry: str) -> Iterator[Locked]:
    """The door before the registry at an address, for as long as the test needs it."""
    place = urlsplit(registry)
    root = authority("a registry's authority")
    made = identity("registry", root)
    key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (folder / "registry.pem").write_text(made.pem + key)
    (folder / "authority.pem").write_text(root.pem)
    plain_port, tls_port = free_port(), free_port()
    (folder / "haproxy.cfg").write_text(
        CONFIGURATION.format(
            folder=folder,
            writer=WRITER,
            reader=READER,
            passwords=PASSWORDS,
            plain_port=plain_port,
            tls_port=tls_port,
            registry_port=place.port,
        )
    )
    with running([needed("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")], tls_port, folder):
        yield Locked(
            f"http://127.0.0.1:{plain_port}{place.path}",
            f"https://127.0.0.1:{tls_port}{place.path}",
            folder / "authority.pem",
        )
