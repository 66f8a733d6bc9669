"""What registrations of consul-esm become."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.imports.imported import Imported, imported


def node(definition: dict[str, Any], **more: Any) -> Imported:
    registration = {
        "Node": "n",
        "Address": "10.0.0.1",
        "NodeMeta": {"external-node": "true"},
        "Service": {"ID": "s", "Service": "web", "Port": 80},
        "Check": {"Name": "c", "ServiceID": "s", "Definition": definition},
        **more,
    }
    return imported("consul-esm", json.dumps(registration))


@pytest.mark.parametrize(
    ("definition", "settings"),
    [
        ({"TCP": "10.0.0.1:80"}, {"type": "TCP", "interval_ms": 30_000, "response_timeout_ms": 10_000, "retries": 1}),
        ({"TCP": "10.0.0.1:81"}, {"destination_port": 81}),
        ({"TCP": "10.0.0.2:80"}, {"destination_ip": "10.0.0.2"}),
        ({"tcp": "10.0.0.1:80", "intervalduration": "1m30s"}, {"interval_ms": 90_000, "down_time_ms": 0}),
        ({"TCP": "10.0.0.1:80", "Interval": 5_000_000_000, "Timeout": "500ms"}, {"interval_ms": 5_000}),
        ({"TCP": "10.0.0.1:80", "TCPUseTLS": True}, {"secure": True}),
        ({"HTTP": "http://10.0.0.1/x?y=z"}, {"type": "HTTP", "http_request": "GET /x?y=z"}),
        ({"HTTP": "http://10.0.0.1/", "Method": "head"}, {"http_request": "HEAD /", "response_codes": ("200-299",)}),
        ({"HTTP": "https://a.test/"}, {"type": "HTTPS", "server_name": "a.test", "tls_verify": True}),
        ({"HTTP": "https://10.0.0.1/", "TLSSkipVerify": True, "TLSServerName": "b.test"}, {"server_name": "b.test"}),
        ({"HTTP": "http://10.0.0.1/", "Header": {"X-A": ["b", "c"]}}, {"custom_headers": ("X-A: b", "X-A: c")}),
        ({"HTTP": "http://a.test:8080/"}, {"custom_headers": ("Host: a.test:8080",), "destination_port": 8080}),
    ],
)
def test_a_check(definition: dict[str, Any], settings: dict[str, object]) -> None:
    found = node(definition)
    monitor = found.monitor("c")
    assert {name: monitor.get(name) for name in settings} == settings
    assert list(found.bound("n.s")) == ["c"]


def test_a_name_that_is_not_the_service_s_address_is_told() -> None:
    assert node({"HTTP": "http://a.test/"}).told("changed: check c: asks a.test")


@pytest.mark.parametrize("definition", [{}, {"HTTP": "ftp://x/"}, {"HTTP": "http://[::1"}, {"TCP": "nowhere"}])
def test_a_check_that_asks_nothing_is_lost_aloud(definition: dict[str, Any]) -> None:
    found = node(definition)
    assert found.told("lost: check c")
    assert found.told("lost: service n.s: has no monitor left")


def test_a_check_of_the_node_holds_for_its_service_and_a_probe_is_a_ping() -> None:
    check = {"Name": "c", "Definition": {"TCP": "10.0.0.1:22"}}
    meta = {"external-node": "true", "external-probe": "true"}
    found = node({}, Check=check, NodeMeta=meta)
    assert list(found.bound("n.s")) == ["c", "external-probe"]


def test_nodes_of_agents_are_left_out_aloud() -> None:
    found = node({"TCP": "10.0.0.1:80"}, NodeMeta={})
    assert (found.text, found.told("lost: node n: is not marked external-node")) == ("", True)


def test_checks_that_are_alike_share_a_monitor() -> None:
    one = {"Node": "a", "Address": "10.0.0.1", "NodeMeta": {"external-node": "true"}}
    check = {"Name": "c", "Definition": {"TCP": "10.0.0.1:80"}}
    nodes = [{**one, "Node": name, "Service": {"Service": "s", "Port": 80}, "Checks": [check]} for name in "ab"]
    found = imported("consul-esm", "\n".join(map(json.dumps, nodes)))
    assert found.bound("a.s") == found.bound("b.s") == {"c": (1, None, False)}
