"""Servers by name in the configuration (D-1 to D-4): which names are taken, what is resolved, what groups pass on."""

from __future__ import annotations

import pytest

from connectors.config.document import read_document
from schemas.config import Kind
from schemas.inventory.services import DomainName, services
from schemas.parameters.checking import check_added
from schemas.parameters.domains import canonical_domain
from schemas.parameters.kinds import KINDS
from tests.unit.config.config_words import folded

SERVICE = KINDS[Kind.SERVICE].table


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Web.Example.ORG.", "web.example.org"),
        ("redis", "redis"),
        ("_http._tcp.a-b.test", "_http._tcp.a-b.test"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("10.0.0.300", None),
        ("10.0.0", None),
        ("", None),
        (".", None),
        ("a..b", None),
        ("-a.test", None),
        ("a b.test", None),
        ("http://a.test", None),
        ("a.test:80", None),
        (f"{'a' * 64}.test", None),
        (".".join(["a" * 60] * 5), None),
    ],
)
def test_D1_which_names_a_server_may_have(text: str, canonical: str | None) -> None:
    assert canonical_domain(text) == canonical


def test_D1_an_address_and_a_name_are_given_alike() -> None:
    assert check_added(SERVICE, {"address": "Example.TEST", "port": 80}).kept["address"] == "example.test"
    assert check_added(SERVICE, {"address": "2001:DB8::1", "port": 80}).kept["address"] == "2001:db8::1"
    (fault,) = check_added(SERVICE, {"address": "10.0.0.", "port": 80}).faults
    assert "it is an IPv4 or IPv6 address, or a domain name" in fault


@pytest.mark.parametrize("setting", [{"query_type": "AAAA"}, {"domain_resolve_retry": "9s"}])
def test_D4_how_to_resolve_is_said_only_of_a_name(setting: dict[str, str]) -> None:
    assert not check_added(SERVICE, {"address": "a.test", "port": 80, **setting}).faults
    (fault,) = check_added(SERVICE, {"address": "10.0.0.1", "port": 80, **setting}).faults
    assert fault.endswith("can only be given where address is a domain name: leave it out, or give a name")


def test_S2_a_domain_based_service_and_member_are_services_without_an_address_of_their_own() -> None:
    fold = folded("""
add service shop address=Shop.test port=80 query_type=aaaa domain_resolve_retry=9s
add service plain address=10.0.0.1 port=80
add service_group web query_type=AAAA
add member web/app.test:81
add member web/10.0.0.3:80
""")
    found = {one.name: (one.ip, one.port, one.domain) for one in services(fold.entities)}
    assert found == {
        "shop": ("", 80, DomainName("shop.test", "AAAA", 9_000)),
        "plain": ("10.0.0.1", 80, None),
        "web/app.test:81": ("", 81, DomainName("app.test", "AAAA", 5_000)),
        "web/10.0.0.3:80": ("10.0.0.3", 80, None),
    }


def test_D1_a_cluster_file_takes_names_of_services_and_members() -> None:
    document = read_document("""
services:
  shop: {address: shop.test, port: 80, query_type: AAAA}
service_groups:
  web: {members: [{address: App.test, port: 81}, "db:5432"]}
""")
    assert not document.faults
    assert document.wanted[(Kind.SERVICE, "shop")].settings["address"] == "shop.test"
    assert {name for kind, name in document.wanted if kind is Kind.MEMBER} == {"web/app.test:81", "web/db:5432"}
