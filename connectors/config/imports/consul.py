"""consul-esm: external services as they are registered in Consul's catalog (`PUT /v1/catalog/register`), as ours.

Rule: a node's address and each of its services become services, a check of theirs a monitor; a check of the node is
bound to all of its services. consul-esm flips at the first failure unless its own configuration says otherwise, and
goes on at the same interval when it is critical: both are written out. A node that is not marked external is an
agent's, which checks it itself: it is told and left out. Keys are known in any case, as Consul knows them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from connectors.config import yaml_nodes as nodes
from connectors.config.imports.draft import Draft, Given, Item
from connectors.config.imports.haproxy_address import place_of
from connectors.config.imports.haproxy_tls import file_name
from connectors.config.imports.notices import Notices, NotThis
from connectors.config.imports.telling import is_secret_header
from connectors.config.yaml_nodes import Faults
from schemas.config import Kind
from schemas.parameters.durations import duration_text
from schemas.parameters.reading import canonical_address, canonical_host

INTERVAL_MS, TIMEOUT_MS = 30_000, 10_000
"""What consul-esm takes where a check does not say."""
UNITS_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
PROBE = {"type": "PING", "interval": "10s", "retries": "1", "down_time": "0s"}
"""`external-probe`: consul-esm pings the node."""
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s|m|h)")
Value = tuple[int, Any]
"""A line and what stands there: a text, a list of these, or a mapping by key in lower case."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a check asks: a host, a port, and the settings that say how."""

    host: str
    port: int
    settings: dict[str, Given]


def read_consul(text: str) -> Draft:
    """The draft of a registration, a list of them, or several one after another. Raises NotThis if it is none."""
    draft = Draft()
    found = list(_registrations(text))
    for line, registration in found:
        _node(draft, line, registration)
    return draft


def _registrations(text: str) -> Iterator[Value]:
    """Each registration. JSON is read as the YAML that it is, since its nodes know their lines."""
    decoder, at, line = json.JSONDecoder(), 0, 1
    while text[at:].strip():
        skipped = len(text[at:]) - len(text[at:].lstrip())
        line += text[at : at + skipped].count("\n")
        at += skipped
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise NotThis(f"this is no JSON: {error}") from None
        faults = Faults()
        root = nodes.compose(text[at:end].expandtabs(1), faults)
        if root is None or faults:
            raise NotThis(f"this cannot be read: {faults[0].message if faults else 'it is empty'}")
        top = _plain(root, line - 1)
        yield from _checked(top[1] if isinstance(top[1], list) else [top])
        line += text[at:end].count("\n")
        at = end


def _checked(found: list[Value]) -> Iterator[Value]:
    for line, one in found:
        if not isinstance(one, dict) or "node" not in one:
            raise NotThis(f"line {line} is no registration: it has no Node; give what is sent to /v1/catalog/register")
        yield line, one


def _plain(node: Any, before: int) -> Value:
    line = nodes.place_of(node).line + before
    if nodes.is_mapping(node):
        return line, {str(key.value).lower(): _plain(value, before) for key, value in node.value}
    if isinstance(node.value, list):
        return line, [_plain(item, before) for item in node.value]
    return line, "" if nodes.is_null(node) else str(node.value)


def _at(mapping: Any, *keys: str) -> Value:
    """The first of these keys that stands in a mapping; nothing if none does."""
    found = (mapping[key] for key in keys if isinstance(mapping, dict) and key in mapping)
    return next(found, (0, ""))


def _text(mapping: Any, *keys: str) -> str:
    value = _at(mapping, *keys)[1]
    return value if isinstance(value, str) else ""


def _node(draft: Draft, line: int, node: dict[str, Value]) -> None:
    name, meta = _text(node, "node"), _at(node, "nodemeta", "meta")[1]
    if _text(meta, "external-node") != "true":
        mend = "is not marked external-node: an agent checks it, not consul-esm; it is left out"
        draft.notices.lost(line, f"node {name}", mend)
        return
    checks = list(_checks(node))
    _, service = _at(node, "service")
    services = [(_at(node, "service")[0], service)] if isinstance(service, dict) else []
    items = [_service(draft, name, node, at, one) for at, one in services]
    if not services:
        items = [_bare(draft, name, line, node, checks)]
    for item, (_, one) in zip(items, services or [(line, {})], strict=True):
        if item is None:
            continue
        mine = (_text(one, "id") or _text(one, "service"), "")
        for at, check in checks:
            if _text(check, "serviceid") in mine or not one:
                _bind(draft, item, at, check)
            else:
                what = f"check of service {_text(check, 'serviceid')}"
                draft.notices.lost(at, what, "which is not in this registration: bind it by hand")
        if _text(meta, "external-probe") == "true":
            item.tie(Kind.MONITOR, _monitor(draft, "external-probe", line, dict(PROBE)))


def _checks(node: dict[str, Value]) -> Iterator[Value]:
    for key in ("checks", "check"):
        line, found = _at(node, key)
        yield from found if isinstance(found, list) else [(line, found)] if isinstance(found, dict) else []


def _service(draft: Draft, node_name: str, node: dict[str, Value], line: int, service: Any) -> Item | None:
    name = _text(service, "id") or _text(service, "service") or node_name
    address, port = _text(service, "address") or _text(node, "address"), _text(service, "port")
    return _add(draft, f"{node_name}.{name}" if name != node_name else name, line, address, port)


def _bare(draft: Draft, name: str, line: int, node: dict[str, Value], checks: list[Value]) -> Item | None:
    """A node without a service: its port is that of what is first asked of it."""
    targets = [target for at, check in checks if (target := _target(check, at, Notices()))]
    return _add(draft, name, line, _text(node, "address"), str(targets[0].port if targets else 1))


def _add(draft: Draft, name: str, line: int, address: str, port: str) -> Item | None:
    host = canonical_host(address)
    if host is None or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        draft.notices.lost(line, f"service {name} at {address}:{port}", "is no address and port: add it by hand")
        return None
    return draft.add(Kind.SERVICE, name, line, {"address": host, "port": port})


def _bind(draft: Draft, item: Item, line: int, check: Any) -> None:
    name, definition = _text(check, "name") or _text(check, "checkid") or item.name, _at(check, "definition")[1]
    target = _target(check, line, draft.notices)
    if target is None:
        mend = "has neither HTTP nor TCP: somebody else tells its state; bind a monitor that asks the target"
        draft.notices.lost(line, f"check {name}", mend)
        return
    settings = {**target.settings, **_times(definition, line, draft.notices)}
    if str(target.port) != item.settings["port"]:
        settings["destination_port"] = str(target.port)
    if canonical_address(target.host) and target.host != item.settings["address"]:
        settings["destination_ip"] = target.host
    elif target.host != item.settings["address"]:
        mend = f"asks {target.host}, which is not the service's address: the service's is probed"
        draft.notices.changed(line, f"check {name}", mend)
    item.tie(Kind.MONITOR, _monitor(draft, name, line, settings))


def _monitor(draft: Draft, name: str, line: int, settings: dict[str, Given]) -> str:
    """The monitor of this name and these settings, made if there is none."""
    for (kind, had), item in draft.items.items():
        if kind is Kind.MONITOR and item.settings == settings and had.startswith(name):
            return had
    return draft.add(Kind.MONITOR, name, line, settings).name


def _target(check: Any, line: int, notices: Notices) -> Target | None:
    definition = _at(check, "definition")[1]
    url, tcp = _text(definition, "http"), _text(definition, "tcp")
    if url:
        return _http(definition, url, line, notices)
    place = place_of(tcp) if tcp else ""
    if isinstance(place, str):
        return None
    said: dict[str, Given] = {"type": "TCP"}
    if _text(definition, "tcpusetls") == "true":
        said |= {"secure": "yes"} | _tls(definition, place.host)
    return Target(place.host, place.port, said)


def _http(definition: Any, url: str, line: int, notices: Notices) -> Target | None:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    host = canonical_host(parts.hostname or "")
    if host is None or parts.scheme not in ("http", "https"):
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    said: dict[str, Given] = {
        "type": "HTTPS" if parts.scheme == "https" else "HTTP",
        "http_request": f"{(_text(definition, 'method') or 'GET').upper()} {path}",
        "response_codes": ("200-299",),
    }
    if parts.username or parts.password:
        notices.changed(line, "a URL with a password", "is a secret: give secret_headers 'Authorization: file:NAME'")
    if _text(definition, "body"):
        notices.changed(line, "Body", "is not sent: see whether the server answers without")
    named = canonical_address(host) is None
    host_header = [f"Host: {parts.netloc.rpartition('@')[2]}"] if named else []
    headers = (*host_header, *_headers(definition, said, line, notices))
    if headers:
        said["custom_headers"] = headers
    if parts.scheme == "https":
        said |= _tls(definition, host)
    return Target(host, port, said)


def _headers(definition: Any, said: dict[str, Given], line: int, notices: Notices) -> list[str]:
    """Header lines; one that is a secret goes into `said` as a reference."""
    found, secrets = [], []
    _, headers = _at(definition, "header", "headers")
    for name, (_, values) in (headers if isinstance(headers, dict) else {}).items():
        spelt = name.title()
        if is_secret_header(name):
            secrets.append(f"{spelt}: file:{file_name(name)}")
            mend = "holds a secret, which is never configuration: put its value into the file that secret_headers names"
            notices.changed(line, f"header {spelt}", mend)
        else:
            found += [f"{spelt}: {value}" for _, value in (values if isinstance(values, list) else [(0, values)])]
    if secrets:
        said["secret_headers"] = tuple(secrets)
    return found


def _tls(definition: Any, host: str) -> dict[str, Given]:
    name = _text(definition, "tlsservername") or ("" if canonical_address(host) else host)
    said: dict[str, Given] = {"server_name": name} if name else {}
    return said if _text(definition, "tlsskipverify") == "true" else said | {"tls_verify": "yes"}


def _times(definition: Any, line: int, notices: Notices) -> dict[str, Given]:
    interval = _duration_ms(definition, "interval", INTERVAL_MS)
    timeout = _duration_ms(definition, "timeout", TIMEOUT_MS)
    if timeout >= interval:
        mend = f"ours ends a probe before the next begins: response_timeout is {max(1, interval - 1)}ms"
        notices.changed(line, f"a time-out of {timeout}ms, not shorter than its interval", mend)
        timeout = max(1, interval - 1)
    return {
        "interval": duration_text(interval),
        "response_timeout": duration_text(timeout),
        "retries": "1",
        "down_time": "0s",
    }


def _duration_ms(definition: Any, name: str, default_ms: int) -> int:
    """A duration as Go writes it (`1m30s`), or in nanoseconds; the default for none."""
    text = _text(definition, name, f"{name}duration")
    parts = _DURATION.findall(text)
    if text.isdecimal():
        return max(1, int(text) // 1_000_000) if int(text) else default_ms
    if not parts or "".join(map("".join, parts)) != text:
        return default_ms
    return max(1, round(sum(float(number) * UNITS_US[unit] for number, unit in parts) / 1_000)) or default_ms
