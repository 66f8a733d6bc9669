"""How `show` tells of a domain-based service: its name, and while DNS is away the age of its address (D-4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.probes import Reason
from schemas.states import DomainInfo
from streams.cli import show_tables as tables
from streams.cli.show_services import service_detail
from tests.unit.cli_show.samples import NOW_MS, WEB, knowledge, state


def shown(domain: DomainInfo, ip_address: str = "10.0.0.5") -> dict[str, str]:
    """What `show service` says, by line."""
    known = knowledge()
    known.states[WEB] = replace(state(), ip_address=ip_address, ttl_s=30, domain=domain)
    one = service_detail(known, "web")
    assert one is not None
    assert one["domain"]["domain"] == "web.test"
    return {title: cell[0] for title, cell in tables.service_facts(one, NOW_MS)}


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (DomainInfo("web.test", NOW_MS - 65_000, Reason.OK, ""), "web.test, TTL 30 s"),
        (
            DomainInfo("web.test", NOW_MS - 65_000, Reason.UNRESOLVED, "no such name (NXDOMAIN)"),
            "web.test: no such name (NXDOMAIN); last resolved 1m 05s ago",
        ),
        (DomainInfo("web.test", None, Reason.UNKNOWN, ""), "web.test: not resolved yet; never resolved"),
    ],
)
def test_D4_a_name_is_shown_with_what_dns_said_and_since_when(domain: DomainInfo, text: str) -> None:
    assert shown(domain)["name"] == text


def test_D4_an_address_that_is_not_known_is_shown_as_such() -> None:
    assert shown(DomainInfo("web.test", None, Reason.UNRESOLVED, "no such name (NXDOMAIN)"), "")["address"] == "?:80"
