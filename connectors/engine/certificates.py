"""What a target's certificates say, for conversations and for people: who, by whom, for which names, until when.

Rule: a target wrote every byte of it, so texts are cut, lists are bounded, and a certificate that cannot be read is the
target's failure (ValueError), never ours. OpenSSL has parsed the certificates already, so its own reading is used (4 us
a certificate) and not a second parser. `get_unverified_chain` of the inner object is the one way to see the chain of a
handshake that failed; from Python 3.13 the outer object has it too, but gives bytes that would have to be parsed.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.probes.contract import Peer

NAMES = 100
"""Names of one certificate that are looked at; the handshake itself checks all of them."""

CHAIN = 10
"""Certificates of a chain that are looked at."""

SHORT_CHARACTERS = 60
"""The longest name in a sentence."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate, read."""

    subject: str
    """As `CN=www.example.org, O=Example`."""
    issuer: str
    names: tuple[str, ...]
    """Host names and addresses that it is for."""
    not_before_s: int
    not_after_s: int
    """Seconds since 1970."""


def chain_of(tls: ssl.SSLObject) -> tuple[Certificate, ...]:
    """The certificates the target sent, its own first; empty if none came. Raises ValueError if one is unreadable."""
    sent = tls._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]
    try:
        return tuple(certificate(found.get_info()) for found in sent[:CHAIN])
    except (ValueError, KeyError, TypeError, ssl.SSLError) as error:
        raise ValueError(f"a certificate that cannot be read: {error}") from error


def peer_of(tls: ssl.SSLObject, seen_at_s: int) -> Peer:
    """What a finished handshake told. Raises ValueError if a certificate is unreadable or none came."""
    chain = chain_of(tls)
    if not chain:
        raise ValueError("no certificate at all")
    own, cipher = chain[0], tls.cipher()
    return Peer(
        subject=own.subject,
        issuer=own.issuer,
        names=own.names,
        not_before_s=own.not_before_s,
        not_after_s=own.not_after_s,
        chain=tuple(each.subject for each in chain),
        protocol=tls.version() or "",
        cipher=cipher[0] if cipher else "",
        seen_at_s=seen_at_s,
    )


def certificate(info: Mapping[str, Any]) -> Certificate:
    """A certificate from what `ssl` says of it (`SSLSocket.getpeercert`, Python's documentation)."""
    return Certificate(
        subject=subject(info.get("subject", ())),
        issuer=subject(info.get("issuer", ())),
        names=tuple(str(value) for _, value in info.get("subjectAltName", ())[:NAMES]),
        not_before_s=int(ssl.cert_time_to_seconds(info["notBefore"])),
        not_after_s=int(ssl.cert_time_to_seconds(info["notAfter"])),
    )


SHORT = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C"}


def subject(relative_names: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """A distinguished name in one line, the common name first; `(no name)` if it is empty."""
    pairs = [(SHORT.get(key, key), str(value)) for each in relative_names[:NAMES] for key, value in each]
    pairs.sort(key=lambda pair: pair[0] != "CN")
    return ", ".join(f"{key}={value}" for key, value in pairs) or "(no name)"


def short(name: str) -> str:
    """A name as a sentence has it: its first part, cut."""
    first = name.partition(", ")[0]
    return first if len(first) <= SHORT_CHARACTERS else f"{first[:SHORT_CHARACTERS]}..."


def distrust(code: int, message: str, chain: tuple[Certificate, ...], expected: str, now_s: int) -> str:
    """Why a chain was not accepted, as a sentence: which certificate, what is wrong with it, and the whole chain.

    `code` and `message` are OpenSSL's (X509_V_ERR_*, x509_vfy.h); `expected` is the name or address asked for.
    """
    if not chain:
        return f"certificate not accepted: {message}"
    line = " < ".join(short(each.subject) for each in chain)
    return f"{_fault(code, message, chain, expected, now_s)}; chain: {line}"


NOT_YET_VALID, EXPIRED, SELF_SIGNED, SELF_SIGNED_ABOVE, WRONG_NAME, WRONG_ADDRESS = 9, 10, 18, 19, 62, 64
UNKNOWN_ISSUER = frozenset((2, 20, 21))


def _fault(code: int, message: str, chain: tuple[Certificate, ...], expected: str, now_s: int) -> str:
    own, last = chain[0], chain[-1]
    if code == EXPIRED:
        bad = next((each for each in chain if each.not_after_s < now_s), own)
        return f"certificate {short(bad.subject)} expired on {moment(bad.not_after_s)}"
    if code == NOT_YET_VALID:
        bad = next((each for each in chain if each.not_before_s > now_s), own)
        return f"certificate {short(bad.subject)} is not valid before {moment(bad.not_before_s)}"
    if code in (WRONG_NAME, WRONG_ADDRESS):
        names = ", ".join(own.names[:3]) + (", ..." if len(own.names) > 3 else "")
        return f"certificate {short(own.subject)} is not for {expected} but for {names or 'no name at all'}"
    if code == SELF_SIGNED:
        return f"certificate {short(own.subject)} is self-signed and not trusted here"
    if code == SELF_SIGNED_ABOVE:
        return f"certificate {short(own.subject)} is signed below {short(last.subject)}, which is not trusted here"
    if code in UNKNOWN_ISSUER:
        return f"certificate {short(last.subject)} is signed by {short(last.issuer)}, which is not known here"
    return f"certificate {short(own.subject)} not accepted: {message}"


def moment(at_s: int) -> str:
    """An instant for people, to the minute, in UTC; only the seconds for one beyond the calendar."""
    try:
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return f"{at_s} s since 1970"
