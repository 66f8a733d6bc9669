"""Who may ask, and how: the checks before any page is reached, and the headers behind every answer.

Rule: loopback only, and only GET and HEAD without a body. A browser on this machine is no friend by itself: a page from
elsewhere can point its own name at 127.0.0.1 (DNS rebinding), so the Host header must name this address or loopback;
the port may differ, as behind a tunnel. Answers cannot be framed, stored, sniffed or run as script.
"""

from __future__ import annotations

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
