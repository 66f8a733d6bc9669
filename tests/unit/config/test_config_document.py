"""Reading a cluster file: what it wants, and every fault at its line and column."""

from __future__ import annotations

import pytest

from connectors.config.document import WantedBinding, read_document
from schemas.config import Kind

WHOLE = """\
node_groups: [east]
monitors:
  http-web: {type: http, interval: 5s, response_timeout: 2s, retries: 3, response_codes: 200-299}
services:
  web1: {address: 10.0.0.1, port: 80, monitors: {http-web: {weight: 10, state: DISABLED}}, node_groups: [east]}
  web2: {address: 2001:DB8::2, port: "81", state: DISABLED, monitors: http-web}
service_groups:
  g1:
    threshold: 2
    monitors: [http-web]
    members:
      - {address: 10.0.0.3, port: 80, comment: old}
      - 10.0.0.4:80
      - "[2001:db8::5]:80"
vservers:
  shop: {method: LRTM, services: [web1], service_groups: [g1]}
"""


def faults_of(text: str) -> list[str]:
    return [f"{fault.line}:{fault.column}: {fault.message}" for fault in read_document(text).faults]


def test_a_whole_file() -> None:
    document = read_document(WHOLE)
    assert document.faults == []
    assert [name for _, name in document.wanted] == [
        "east",
        "http-web",
        "web1",
        "web2",
        "g1",
        "g1/10.0.0.3:80",
        "g1/10.0.0.4:80",
        "g1/[2001:db8::5]:80",
        "shop",
    ]
    monitor = document.wanted[(Kind.MONITOR, "http-web")]
    assert monitor.settings["type"] == "HTTP"
    assert monitor.settings["interval_ms"] == 5_000
    assert monitor.settings["response_codes"] == ("200-299",)
    web1 = document.wanted[(Kind.SERVICE, "web1")]
    assert web1.line == 5
    assert web1.bindings == (
        WantedBinding(Kind.MONITOR, "http-web", 10, False, 5),
        WantedBinding(Kind.NODE_GROUP, "east", 1, None, 5),
    )
    web2 = document.wanted[(Kind.SERVICE, "web2")]
    assert (web2.settings, web2.enabled) == ({"address": "2001:db8::2", "port": 81}, False)


def test_anchors_and_merge_keys_save_repetition() -> None:
    document = read_document(
        """\
services:
  web1: &web {address: 10.0.0.1, port: 80, threshold: 2}
  web2: {<<: *web, address: 10.0.0.2}
"""
    )
    assert document.faults == []
    assert document.wanted[(Kind.SERVICE, "web2")].settings == {"address": "10.0.0.2", "port": 80, "threshold": 2}


@pytest.mark.parametrize("text", ["", "# nothing\n", "services:\n", "services: {}\n"])
def test_an_empty_file_wants_nothing(text: str) -> None:
    document = read_document(text)
    assert (document.wanted, document.faults) == ({}, [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("servces: {}", '1:1: "servces" is not a section: there are node_groups, monitors, services'),
        ("services:\n  web1: {port: 80}", '2:3: service "web1": address is missing'),
        ("services:\n  web1: {address: 10.0.0.1, port: 99999}", '2:35: port cannot be "99999": it is a whole number'),
        ("services:\n  web1: {adress: 10.0.0.1, port: 80}", '2:10: "adress" is not a parameter: did you mean address?'),
        ("services:\n  a/b: {address: 10.0.0.1, port: 80}", '2:3: service "a/b" cannot be called so'),
        ("services: [web1]", "1:11: services is to be a mapping"),
        ("monitors:\n  m: {type: HTP}", '2:13: type cannot be "HTP": it is one of TCP, '),
        ("monitors:\n  m: {type: TCP, interval: 1s}", '2:3: monitor "m": response_timeout 2s (the default) is not sho'),
        ("monitors:\n  m: {type: TCP, interval: 5}", '2:28: interval cannot be "5": it is a number with a unit'),
        (
            "services:\n  a: {address: 10.0.0.1, port: 80}\n  a: {}",
            '3:3: "a" stands here a second time',
        ),
        ("service_groups:\n  g: {members: [10.0.0.1]}", '2:17: "10.0.0.1" is not a member'),
        ("service_groups:\n  g: {members: [10.0.0.1:80, 10.0.0.1:80]}", "2:30: member"),
        ("services:\n\tweb1: {}", "2:1: this is not YAML"),
        ("services: {a: [}", "this is not YAML"),
        ("- a\n- b", "1:1: a cluster file is to be a mapping"),
        ("services:\n  a: {address: {x: 1}, port: 80}", "2:16: address is to be a value or a list of values"),
        ("services:\n  a: {address: 10.0.0.1, port: 80, monitors: {m: {weight: 0}}}", 'weight cannot be "0"'),
    ],
)
def test_a_fault_names_line_column_and_the_mend(text: str, fault: str) -> None:
    assert any(fault in told for told in faults_of(text)), faults_of(text)


def test_every_fault_is_told_in_order_of_lines() -> None:
    told = faults_of("services:\n  a: {port: 0}\n  b: {port: 0}\nmonitor: {}")
    assert [text.split(":")[0] for text in told] == ["2", "2", "3", "3", "4"]


def test_a_file_of_aliases_in_aliases_ends_soon() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    assert all("is not a section" in fault for fault in faults_of("\n".join(lines)))


@pytest.mark.parametrize("deeper", ["[", "{a: ", "- ", "? "])
def test_a_file_nested_without_end_is_refused_and_harmless(deeper: str) -> None:
    told = faults_of("services:\n" + deeper * 50_000)[0]
    assert "nested more than 100 deep" in told or "this is not YAML" in told


def test_brackets_in_texts_are_no_nesting() -> None:
    lines = [f"  w{number}: {{address: 10.0.0.1, port: 80, comment: '[[[['}}" for number in range(60)]
    assert faults_of("services:\n" + "\n".join(lines)) == []
