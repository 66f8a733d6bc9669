"""A certificate authority of the tests' own: certificates that are good, and bad in every way a probe must tell."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate, its key, and the certificates of those who signed it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    above: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> str:
        """The certificate alone, as a file of authorities has it."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def server_context(self, folder: Path, *above: x509.Certificate) -> ssl.SSLContext:
        """What a server with this certificate needs; it sends `above` too."""
        name = f"{self.certificate.serial_number:x}"
        chain, key = folder / f"{name}.pem", folder / f"{name}.key"
        chain.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in (self.certificate, *above)))
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        return context


def authority(name: str, parent: Identity | None = None, ends: timedelta = timedelta(days=3650)) -> Identity:
    """One that signs: a root, or below another."""
    return _signed(name, parent, timedelta(days=-30), ends, (), signs=True)


def identity(
    name: str,
    parent: Identity | None,
    names: tuple[str, ...] = ("127.0.0.1",),
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=90, hours=1),
) -> Identity:
    """A server's certificate for these names and addresses; without a parent it is self-signed."""
    return _signed(name, parent, begins, ends, names, signs=False)


def _signed(
    name: str, parent: Identity | None, begins: timedelta, ends: timedelta, names: tuple[str, ...], *, signs: bool
) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(parent.certificate.subject if parent else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + begins)
        .not_valid_after(NOW + ends)
        .add_extension(x509.BasicConstraints(ca=signs, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), critical=False)
    signer = parent.key if parent else key
    above = (parent.certificate, *parent.above) if parent else ()
    return Identity(builder.sign(signer, SHA256()), key, above)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
