"""Who may ask, and how: the checks before any page is reached, and the headers behind every answer.

Rule: loopback only, and only GET and HEAD without a body, but for the one address at which passive monitors are told of
traffic; there only a program may write, never a page that a browser shows, and with the token where one is set. A
browser on this machine is no friend by itself: a page from elsewhere can point its own name at 127.0.0.1 (DNS
rebinding), so the Host header must name this address or loopback; the port may differ, as behind a tunnel. Answers
cannot be framed, stored, sniffed or run as script.
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
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
TOLD_BYTES = 4096
"""The longest body there."""
TOKEN_CHARACTERS = 16
"""A shorter token could be guessed."""

Headers = Mapping[str, str]


class OpenBind(ValueError):
    """A web address that others could reach, without a token that they would have to show. Nothing was opened."""


def check_bind(host: str) -> None:
    """Raises OpenBind unless the address is this machine's loopback."""
    if host == "localhost" or _is_loopback(host):
        return
    raise OpenBind(
        f"web address {host or '(all addresses)'!r} is not loopback: a bearer token is needed: comes with a "
        "later release; give 127.0.0.1:PORT, and put before it a tunnel or a reverse proxy that checks who asks"
    )


def check_token(token: str) -> None:
    """Raises ValueError unless this can be a bearer token; the text does not show it."""
    if len(token) < TOKEN_CHARACTERS or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"WATCHBILL_WEB_TOKEN is no token: give {TOKEN_CHARACTERS} or more letters, digits or signs")


def host_problem(host_headers: list[str], bound_host: str) -> str | None:
    """Why these Host headers are refused; None if they name this machine."""
    if not host_headers:  # no browser, so no rebinding: a load balancer that asks in HTTP/1.0
        return None
    if len(host_headers) > 1:
        return "give one Host header"
    name = host_name(host_headers[0])
    if name in LOOPBACK_NAMES or name == bound_host.lower():
        return None
    return f"host {name[:80]!r} is not served here: ask for {bound_host} or localhost"


def methods_of(path: str) -> tuple[str, ...]:
    """What may be done at an address."""
    return ("POST",) if path.startswith(INLINE) else METHODS


def write_problem(headers: Headers, length: int | None, token: str | None) -> tuple[int, str] | None:
    """Why something may not be told, as (HTTP status, text); None if it may. Names of `headers` in any case.

    A form or a script of a page elsewhere sends Origin or Sec-Fetch-Site, and cannot give this content type unasked.
    """
    if "Origin" in headers or "Sec-Fetch-Site" in headers:
        return 403, "no page in a browser may tell this node anything: send it from a program"
    if token is not None and not compare_digest(headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
        return 401, "this node wants its token: send Authorization: Bearer TOKEN, as set in WATCHBILL_WEB_TOKEN"
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "tell it in JSON: send Content-Type: application/json"
    if length is None:
        return 411, "send Content-Length: what is told here is short and known"
    if length > TOLD_BYTES:
        return 413, f"{length} bytes are too many: at most {TOLD_BYTES}"
    return None


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
