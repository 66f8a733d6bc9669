"""SCRAM-SHA-256 from the client's side (RFC 5802, RFC 7677), as PostgreSQL asks for it.

Rule: the server must prove that it knows the password too; a stranger who lets us in is found out. Deriving the key is
slow on purpose (some thousand rounds), so it is kept for as long as salt and rounds stay the same, which they do until
the password changes; and a server that asks for more than ROUNDS is refused, because it would hold the engine up.
Why not prepare the password by SASLprep: for ASCII it changes nothing, and PostgreSQL itself takes what cannot be
prepared as it is.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from hashlib import pbkdf2_hmac, sha256

from connectors.probes.framed import Malformed

MECHANISM = b"SCRAM-SHA-256"
ROUNDS = 50_000
"""The most rounds that are computed, 15 ms of a core; PostgreSQL's default is 4,096."""

NO_CHANNEL_BINDING = b"n,,"


class Scram:
    """One user's login, again and again."""

    __slots__ = ("_bare", "_key", "_key_of", "_name", "_nonce", "_password", "_signature")

    def __init__(self, password: str, name: str = "") -> None:
        """PostgreSQL takes the user's name from its start-up message, and wants none here."""
        self._password = password.encode()
        self._name = name.encode()
        self._nonce = self._bare = b""
        self._signature = b""
        self._key_of: tuple[bytes, int] | None = None
        self._key = b""

    def first(self, noise: bytes) -> bytes:
        """The client's first message; `noise` is random, new for every login."""
        self._nonce = b64encode(noise)
        self._bare = b"n=" + self._name + b",r=" + self._nonce
        self._signature = b""
        return NO_CHANNEL_BINDING + self._bare

    def proof(self, challenge: bytes) -> bytes:
        """The client's final message. Raises Malformed if the challenge is none to our first message."""
        parts = attributes(challenge)
        nonce, salt, rounds = parts.get(b"r", b""), decoded(parts.get(b"s", b"")), parts.get(b"i", b"")
        if not self._nonce or not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise Malformed("a challenge that does not answer our nonce")
        if not rounds.isdigit() or len(rounds) > 9 or not 1 <= int(rounds) <= ROUNDS:
            raise Malformed(f"{rounds[:20]!r} rounds of hashing, more than {ROUNDS} or none")
        key = self._salted(salt, int(rounds))
        bare = b"c=" + b64encode(NO_CHANNEL_BINDING) + b",r=" + nonce
        signed = b",".join((self._bare, challenge, bare))
        client_key = digest(key, b"Client Key")
        mark = digest(sha256(client_key).digest(), signed)
        proof = bytes(one ^ other for one, other in zip(client_key, mark, strict=True))
        self._signature = digest(digest(key, b"Server Key"), signed)
        return bare + b",p=" + b64encode(proof)

    def verify(self, final: bytes) -> None:
        """The server proves itself. Raises Malformed if it does not know the password."""
        signature = decoded(attributes(final).get(b"v", b""))
        if not self._signature or not hmac.compare_digest(signature, self._signature):
            raise Malformed("the server let us in but does not know the password: it may be another one")

    def _salted(self, salt: bytes, rounds: int) -> bytes:
        if self._key_of != (salt, rounds):
            self._key = pbkdf2_hmac("sha256", self._password, salt, rounds)
            self._key_of = (salt, rounds)
        return self._key


def attributes(message: bytes) -> dict[bytes, bytes]:
    """`r=...,s=...` by letter."""
    return {part[:1]: part[2:] for part in message.split(b",") if part[1:2] == b"="}


def decoded(text: bytes) -> bytes:
    """Base64, strictly."""
    try:
        return b64decode(text, validate=True)
    except NotBase64:
        raise Malformed(f"{text[:40]!r} is not base64") from None


def digest(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.digest(key, data, "sha256")
