"""Who may ask, how and how often: the checks before any page is reached, and the headers behind every answer.

Rule: this machine only, or whoever shows the token; and only GET and HEAD without a body, but for the one address at
which passive monitors are told of traffic; there only a program may write, never a page that a browser shows, and with
the token where one is set. A browser is no friend by itself: a page from elsewhere can point its own name at this
address (DNS rebinding), so the Host header must name what is served; the port may differ, as behind a tunnel. Answers
cannot be framed, stored, sniffed or run as script. A browser shows a pass instead of the token (`entrance`): a cookie,
which it sends with every request of a page by itself; it opens what is read, and tells nothing. From a program the
token is also taken as the password of HTTP's basic authentication, but is not asked for in that way.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from hmac import digest as keyed_digest
from ipaddress import ip_address

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
METHODS = ("GET", "HEAD")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "watchbill",
}


INLINE = "/api/inline/"
"""Below it, POST tells passive monitors of real traffic."""
UNKNOWN_ASKER = "this node wants its token: send Authorization: Bearer TOKEN, as set in WATCHBILL_WEB_TOKEN"
TOLD_BYTES = 4096
"""The longest body there."""
TOKEN_CHARACTERS = 16
"""A shorter token could be guessed."""

FORM = "application/x-www-form-urlencoded"
ENTER = "/enter"
"""Where the form of a page gives the token."""

REQUESTS_A_S = 500.0
REQUESTS_AT_ONCE = 1_000
"""Requests that may come at once after a pause; beyond both, 429."""

Headers = Mapping[str, str]


class OpenBind(ValueError):
    """A web address that others could reach, without a token that they would have to show. Nothing was opened."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where the pages are served, and to whom. Raises OpenBind where others could come in without a token.

    `names`: what else the node is called, as in `http://monitor.example.org:8080`, lower case.
    """

    host: str
    token: str | None = None
    names: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.is_open and self.token is None:
            raise OpenBind(
                f"web address {self.host or '(all addresses)'!r} is not loopback: set WATCHBILL_WEB_TOKEN, which "
                "whoever asks must show, or give 127.0.0.1:PORT and put a tunnel before it"
            )

    @property
    def is_open(self) -> bool:
        """Whether other machines can reach it."""
        return not (self.host == "localhost" or _is_loopback(self.host))


@dataclass(slots=True)
class Rate:
    """A bucket of requests that fills with time. `now_s` is of any clock that only goes on."""

    left: float = REQUESTS_AT_ONCE
    at_s: float = 0.0

    def take(self, now_s: float) -> bool:
        """Whether one more may come now."""
        self.left = min(REQUESTS_AT_ONCE, self.left + (now_s - self.at_s) * REQUESTS_A_S)
        self.at_s = now_s
        if self.left < 1:
            return False
        self.left -= 1
        return True


def check_token(token: str) -> None:
    """Raises ValueError unless this can be a bearer token; the text does not show it."""
    if len(token) < TOKEN_CHARACTERS or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"WATCHBILL_WEB_TOKEN is no token: give {TOKEN_CHARACTERS} or more letters, digits or signs")


def host_problem(host_headers: list[str], door: Door) -> str | None:
    """Why these Host headers are refused; None if they name this node.

    An address in numbers cannot be rebound, so an open door takes any: which ones a machine has may change.
    """
    if not host_headers:  # no browser, so no rebinding: a load balancer that asks in HTTP/1.0
        return None
    if len(host_headers) > 1:
        return "give one Host header"
    name = host_name(host_headers[0])
    if name in LOOPBACK_NAMES or name == door.host.lower() or name in door.names:
        return None
    if door.is_open and _is_address(name):
        return None
    return f"host {name[:80]!r} is not served here: ask for {door.host} or localhost, or name it with --web-name"


def read_problem(headers: Headers, door: Door) -> tuple[int, str] | None:
    """Why a page may not be read, as (HTTP status, text); None if it may.

    A token that is set is asked for on this machine too: what asks there may be a proxy, for somebody far away.
    """
    if door.token is None or _shows(headers, door.token):
        return None
    return 401, UNKNOWN_ASKER


def methods_of(path: str) -> tuple[str, ...]:
    """What may be done at an address."""
    return ("POST",) if path == ENTER or path.startswith(INLINE) else METHODS


def write_problem(headers: Headers, length: int | None, token: str | None) -> tuple[int, str] | None:
    """Why something may not be told, as (HTTP status, text); None if it may. Names of `headers` in any case.

    A form or a script of a page elsewhere sends Origin or Sec-Fetch-Site, and cannot give this content type unasked.
    """
    if "Origin" in headers or "Sec-Fetch-Site" in headers:
        return 403, "no page in a browser may tell this node anything: send it from a program"
    if token is not None and not _is_bearer(headers, token):
        return 401, UNKNOWN_ASKER
    return _body_problem(headers, length, "application/json")


def entry_problem(headers: Headers, length: int | None) -> tuple[int, str] | None:
    """Why no token may be given in this way, as (HTTP status, text). Anybody may try."""
    return _body_problem(headers, length, FORM)


def pass_of(token: str) -> tuple[str, str]:
    """The name and value of the cookie that stands for a token, and from which it cannot be worked out.

    Another token has another name: a browser sends a host's cookies to each of its ports.
    """
    name, value = (keyed_digest(token.encode(), b"watchbill " + use, "sha256").hex() for use in (b"name", b"pass"))
    return f"watchbill-{name[:8]}", value


def _body_problem(headers: Headers, length: int | None, wanted: str) -> tuple[int, str] | None:
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != wanted:
        return 415, f"send Content-Type: {wanted}"
    if length is None:
        return 411, "send Content-Length: what is told here is short and known"
    if length > TOLD_BYTES:
        return 413, f"{length} bytes are too many: at most {TOLD_BYTES}"
    return None


def _is_bearer(headers: Headers, token: str) -> bool:
    return compare_digest(headers.get("Authorization", "").encode(errors="replace"), f"Bearer {token}".encode())


def _shows(headers: Headers, token: str) -> bool:
    if _is_bearer(headers, token) or _has_pass(headers, token):
        return True
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        _, _, password = b64decode(given, validate=True).partition(b":")
    except ValueError:
        return False
    return compare_digest(password, token.encode())


def _has_pass(headers: Headers, token: str) -> bool:
    name, value = pass_of(token)
    given = [each.strip().partition("=") for each in headers.get("Cookie", "").split(";")]
    return any(
        each == name and compare_digest(what.encode(errors="replace"), value.encode()) for each, _, what in given
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def host_name(header: str) -> str:
    """The host of a Host header, lower case, without port and brackets."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    name, _, port = text.rpartition(":")
    return (name if port.isdigit() and name else text).removesuffix(".")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
