"""How MySQL's ways of login prove a password without telling it.

Rule: what is sent is a digest that only this connection's nonce makes valid. Where the server has forgotten the digest
(caching_sha2_password after its restart) it must see the password once: encrypted with the server's public key, by
RSA-OAEP (RFC 8017, section 7.1.1, with SHA-1 and an empty label, as MySQL has it). Encrypting with a public key is one
power modulo a number, so no library is needed; a key of odd sizes is refused before anything is computed.
"""

from __future__ import annotations

import os
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from hashlib import sha1, sha256

from connectors.probes.ber import BIT_STRING, INTEGER, SEQUENCE, BerReader
from connectors.probes.framed import Malformed

KEY_BITS = (1024, 8192)
"""The moduli that are taken: a smaller one is no protection, a larger one would hold the engine up."""


def native(password: bytes, nonce: bytes) -> bytes:
    """mysql_native_password: SHA1(p) xor SHA1(nonce + SHA1(SHA1(p)))."""
    if not password:
        return b""
    once = sha1(password, usedforsecurity=False).digest()
    twice = sha1(once, usedforsecurity=False).digest()
    return xor(once, sha1(nonce + twice, usedforsecurity=False).digest())


def caching_sha2(password: bytes, nonce: bytes) -> bytes:
    """caching_sha2_password: SHA256(p) xor SHA256(SHA256(SHA256(p)) + nonce)."""
    if not password:
        return b""
    once = sha256(password).digest()
    return xor(once, sha256(sha256(once).digest() + nonce).digest())


PLUGINS: Mapping[bytes, Callable[[bytes, bytes], bytes]] = {
    b"mysql_native_password": native,
    b"caching_sha2_password": caching_sha2,
}
"""(password, nonce) -> proof, by the plugin's name."""

CLEAR_TEXT: Mapping[bytes, Callable[[bytes, bytes], bytes]] = {
    b"mysql_clear_password": lambda password, _nonce: password + b"\0",
}
"""Only inside TLS: the password as it is, which PAM and LDAP behind a server need."""


def encrypted_password(password: bytes, nonce: bytes, pem: bytes) -> bytes:
    """The password for the server whose public key this is. Raises Malformed if it is no key, or the nonce is short."""
    if len(nonce) != 20:
        raise Malformed(f"a nonce of {len(nonce)} bytes, not 20")
    plain = password + b"\0"
    pad = (nonce * (len(plain) // len(nonce) + 1))[: len(plain)]
    modulus, exponent = public_key(pem)
    width = (modulus.bit_length() + 7) // 8
    sealed = oaep(xor(plain, pad), width, os.urandom(20))
    return pow(int.from_bytes(sealed, "big"), exponent, modulus).to_bytes(width, "big")


def public_key(pem: bytes) -> tuple[int, int]:
    """Modulus and exponent of a PEM SubjectPublicKeyInfo with an RSA key (RFC 5280, RFC 8017)."""
    lines = pem.strip(b"\0\r\n ").splitlines()
    if len(lines) < 3 or lines[0] != b"-----BEGIN PUBLIC KEY-----":
        raise Malformed(f"no public key: {pem[:40]!r}")
    try:
        info = BerReader(b64decode(b"".join(lines[1:-1]), validate=True)).enter(SEQUENCE)
    except NotBase64:
        raise Malformed("a public key that is not base64") from None
    info.expect(SEQUENCE)
    key = BerReader(info.expect(BIT_STRING)[1:]).enter(SEQUENCE)
    modulus = int.from_bytes(key.expect(INTEGER), "big")
    exponent = int.from_bytes(key.expect(INTEGER), "big")
    if not KEY_BITS[0] <= modulus.bit_length() <= KEY_BITS[1] or not 3 <= exponent < 1 << 32 or modulus % 2 == 0:
        raise Malformed(f"an RSA key of {modulus.bit_length()} bits with exponent {str(exponent)[:20]}")
    return modulus, exponent


def oaep(message: bytes, width: int, seed: bytes) -> bytes:
    """The message padded for a modulus of `width` bytes; `seed` is 20 random bytes."""
    room = width - 2 * len(seed) - 2
    if len(message) > room:
        raise Malformed(f"a public key too short for a password of {len(message) - 1} bytes")
    empty = sha1(b"", usedforsecurity=False).digest()
    data = empty + bytes(room - len(message)) + b"\1" + message
    data = xor(data, mask(seed, len(data)))
    return b"\0" + xor(seed, mask(data, len(seed))) + data


def mask(seed: bytes, length: int) -> bytes:
    """MGF1 with SHA-1 (RFC 8017, appendix B.2.1)."""
    blocks = (sha1(seed + number.to_bytes(4, "big"), usedforsecurity=False).digest() for number in range(length))
    found = b""
    while len(found) < length:
        found += next(blocks)
    return found[:length]


def xor(left: bytes, right: bytes) -> bytes:
    """Byte by byte; both of one length."""
    return bytes(one ^ other for one, other in zip(left, right, strict=True))
