"""HAProxy's configuration: each server a service, each backend a vserver, each kind of check a monitor.

Rule: a server is called `BACKEND.SERVER`, since HAProxy's names are unique within a backend only. One that HAProxy does
not check counts as UP there, and so it does here (`health_monitor: no`); one that tracks another is probed where that
one is. Monitors are shared by the servers of a backend that are checked alike. Frontends and all else about traffic
stay with HAProxy, which goes on balancing; it is told of states by `watchbill feed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

from connectors.config.imports.draft import Draft, Given
from connectors.config.imports.haproxy_address import Place, place_of
from connectors.config.imports.haproxy_checks import ASKING, RULES, Probe, checks_of
from connectors.config.imports.haproxy_lines import Line, Section, sections_of
from connectors.config.imports.haproxy_server import TRAFFIC, Options
from connectors.config.imports.haproxy_times import timing
from connectors.config.imports.haproxy_tls import file_name, is_over_tls, tls_settings
from connectors.config.imports.notices import NotThis
from schemas.config import Kind
from schemas.parameters.reading import canonical_address

METHODS = {"roundrobin": "ROUNDROBIN", "static-rr": "ROUNDROBIN", "leastconn": "LEASTCONNECTION"}
PROTOCOLS = {("http", False): "HTTP", ("http", True): "SSL", ("tcp", False): "TCP", ("tcp", True): "SSL_TCP"}
HEALTHY = frozenset({"server", "default-server", "server-template", "balance", "mode", "bind", "source", *RULES})
"""Keywords of a section that are read."""
HEAVIEST = 100
CHECKS_NOBODY = "checks nobody: no server of its section has check"


@dataclass(slots=True)
class Server:
    """A server of a backend, and how it is checked."""

    section: str
    name: str
    line: int
    place: Place
    options: Options
    probes: list[Probe] = field(default_factory=list)
    times: dict[str, str] = field(default_factory=dict)
    service: str = ""


def read_haproxy(text: str) -> Draft:
    """The draft of a configuration. Raises NotThis for a text that has no section of HAProxy's."""
    draft = Draft()
    sections = sections_of(text, draft.notices)
    if not sections:
        raise NotThis("no section was found (global, defaults, frontend, backend, listen): is this haproxy.cfg?")
    _Reader(draft, _verifies(sections)).read(sections)
    return draft


def _verifies(sections: list[Section]) -> bool:
    """Whether servers' certificates are verified unless they say otherwise."""
    lines = (line for section in sections if section.kind == "global" for line in section.lines)
    return not any(line.words[:2] == ("ssl-server-verify", "none") for line in lines)


class _Reader:
    def __init__(self, draft: Draft, verifies: bool) -> None:
        self.draft, self.notices, self.verifies = draft, draft.notices, verifies
        self.servers: dict[tuple[str, str], Server] = {}
        self.monitors: dict[tuple[str, tuple[tuple[str, Given], ...]], str] = {}

    def read(self, sections: list[Section]) -> None:
        for section in sections:
            if section.kind in ("backend", "listen"):
                self._proxy(section)
            elif section.kind not in ("global", "defaults"):
                self.notices.note(section.line, section.kind, TRAFFIC)
            self._tell_traffic(section)
        for server in self.servers.values():
            self._check(server)

    def _tell_traffic(self, section: Section) -> None:
        """Every line that is not read, by its keyword."""
        has_servers = section.kind in ("backend", "listen", "defaults")
        for line in section.lines[section.inherited :]:
            words = line.words[1:] if line.first in ("no", "default") else line.words
            is_option = words[:1] == ("option",) and words[1:2] and words[1] in ASKING
            is_timeout = words[:1] == ("timeout",) and words[1:2] and words[1] in ("connect", "check")
            if has_servers and ((words[:1] and words[0] in HEALTHY) or is_option or is_timeout):
                continue
            if line.words[:2] == ("ssl-server-verify", "none"):
                continue
            word = " ".join(line.words[:2]) if line.first in ("option", "timeout", "no") else line.first
            if has_servers and line.first == "external-check":
                self.notices.changed(line.number, word, "is the USER monitor's script: give it its name and arguments")
            else:
                self.notices.note(line.number, word, TRAFFIC)

    def _proxy(self, section: Section) -> None:
        checks, defaults, found = checks_of(section), Options(), []
        for line in section.lines:
            if line.first == "default-server":
                defaults.take(line.words[1:], line, self.notices)
            elif line.first == "source" and len(line.words) > 1:
                defaults.values["source"], defaults.lines["source"] = line.words[1], line.number
            elif line.first in ("server", "server-template"):
                server = self._server(section, line, defaults)
                if server is not None:
                    server.times = timing(server.options, checks.connect, checks.check, line.number, self.notices)
                    found.append(server)
        if any(server.options.has("check") for server in found):
            probes = checks.probes(file_name(section.name), self.notices)
            for server in found:
                server.probes = probes if server.options.has("check") else []
        else:
            self._tell_unused(section)
        if found:
            self._vserver(section, found)

    def _tell_unused(self, section: Section) -> None:
        """Lines about checks where no server is checked."""
        for line in section.lines[section.inherited :]:
            if line.first in RULES or (line.first == "option" and line.words[1:2] and line.words[1] in ASKING):
                self.notices.note(
                    line.number, " ".join(line.words[:2]), "checks nobody: no server of its section has check"
                )

    def _server(self, section: Section, line: Line, defaults: Options) -> Server | None:
        template = line.first == "server-template"
        words = (line.words[1], *line.words[3:]) if template and len(line.words) > 3 else line.words[1:]
        if len(words) < 2:
            self.notices.lost(line.number, line.text[:80], "has no name and address")
            return None
        name, options = words[0], Options(dict(defaults.values), dict(defaults.lines))
        options.take(words[2:], line, self.notices)
        place = place_of(words[1], options.get("port"))
        if isinstance(place, str):
            self.notices.lost(line.number, f"server {section.name}/{name} {words[1]}", place)
            return None
        if template:
            mend = "is one service here: of the addresses behind a name one is probed; add a service for each"
            self.notices.changed(line.number, f"server-template {name}", mend)
        server = Server(section.name, name, line.number, place, options)
        settings: dict[str, Given] = {"address": place.host, "port": str(place.port)}
        if options.has("disabled"):
            settings["state"] = "DISABLED"
        if not options.has("check", "track"):
            settings["health_monitor"] = "no"
            self.notices.note(line.number, "a server without check", "counts as UP, as in HAProxy (health_monitor: no)")
        server.service = self.draft.add(Kind.SERVICE, f"{section.name}.{name}", line.number, settings).name
        self.servers[(section.name, name)] = server
        if not options.has("track"):
            self.draft.servers[f"{section.name}/{name}"] = server.service
        return server

    def _vserver(self, section: Section, servers: list[Server]) -> None:
        settings = dict(self._vserver_settings(section))
        item = self.draft.add(Kind.VSERVER, section.name or section.kind, section.line, settings)
        weights = [self._weight(server) for server in servers]
        heaviest = max(weights)
        if heaviest > HEAVIEST:
            self.notices.changed(section.line, f"weights up to {heaviest}", f"are scaled to at most {HEAVIEST}")
        for server, weight in zip(servers, weights, strict=True):
            scaled = max(1, round(weight * HEAVIEST / heaviest)) if heaviest > HEAVIEST else max(1, weight)
            item.tie(Kind.SERVICE, server.service, **({} if scaled == 1 else {"weight": str(scaled)}))

    def _weight(self, server: Server) -> int:
        text = server.options.get("weight", "1")
        if text == "0" or not text.isdecimal():
            line = server.options.lines["weight"]
            self.notices.changed(line, f"weight {text}", "is 1 here: take a server out by `watchbill disable`")
            return 1
        return int(text)

    def _vserver_settings(self, section: Section) -> Iterator[tuple[str, str]]:
        mode, binds = "tcp", [line for line in section.lines if line.first == "bind" and len(line.words) > 1]
        for line in section.lines:
            if line.first == "mode" and len(line.words) > 1:
                mode = line.words[1]
        secure = any("ssl" in line.words[2:] for line in binds)
        yield "protocol", PROTOCOLS.get((mode, secure), "TCP")
        places = [place for line in binds if not isinstance(place := place_of(line.words[1]), str)]
        if places and canonical_address(places[0].host):
            yield "address", places[0].host
            yield "port", str(places[0].port)
        for line in binds[1:] if places else binds:
            mend = "a vserver has one address, or none: this one is not kept"
            self.notices.note(line.number, f"bind {line.words[1]}", mend)
        balances = [line for line in section.lines if line.first == "balance" and len(line.words) > 1]
        if balances:
            yield "method", METHODS.get(balances[-1].words[1], "LEASTCONNECTION")
            if balances[-1].words[1] not in METHODS:
                mend = "is HAProxy's to do: the vserver here says LEASTCONNECTION"
                self.notices.note(balances[-1].number, f"balance {balances[-1].words[1]}", mend)

    def _check(self, server: Server) -> None:
        """Bind what probes the server, or the one that it tracks."""
        service = self.draft.find(Kind.SERVICE, server.service)
        assert service is not None, f"{server.service} was added"
        if server.options.has("check") or server.options.has("agent-check"):
            server.options.tell(self.notices)
        asked = self._tracked(server) if server.options.has("track") else server
        if asked is None:
            return
        for probe in asked.probes:
            settings = self._settings(asked, probe)
            if asked is not server:
                settings = {"destination_ip": asked.place.host, "destination_port": str(asked.place.port), **settings}
            service.tie(Kind.MONITOR, self._monitor(server.section, settings, probe.line or server.line))

    def _tracked(self, server: Server) -> Server | None:
        """The server at the end of a chain of `track`."""
        seen, asked = {(server.section, server.name)}, server
        while asked.options.has("track"):
            backend, slash, name = asked.options.get("track").rpartition("/")
            key = (backend if slash else asked.section, name)
            if key not in self.servers or key in seen:
                what, mend = f"track {asked.options.get('track')}", "names no server that is here: it is not checked"
                self.notices.lost(asked.options.lines["track"], what, mend)
                return None
            seen.add(key)
            asked = self.servers[key]
        return asked

    def _settings(self, server: Server, probe: Probe) -> dict[str, Given]:
        options, settings = server.options, {**probe.settings, **server.times}
        if probe.over_tls or (probe.over_tls is None and is_over_tls(options)):
            tls = tls_settings(options, self.verifies, probe.server_name, server.line, self.notices)
            kind = str(settings["type"])
            if kind.startswith("HTTP"):
                settings["type"] = kind.replace("HTTP", "HTTPS", 1)
            elif kind not in ("TLS", "USER"):
                settings["secure"] = "yes"
            settings |= tls if kind != "USER" else {}
        if options.has("port") and "destination_port" not in settings and options.get("port") != str(server.place.port):
            settings["destination_port"] = options.get("port")
        for option, parameter in (("addr", "destination_ip"), ("source", "source_ip")):
            if options.has(option):
                address = canonical_address(options.get(option).rpartition(":")[0] or options.get(option))
                address = address or canonical_address(options.get(option))
                if address and not ip_address(address).is_unspecified:
                    settings[parameter] = address
                else:
                    what = f"{option} {options.get(option)}"
                    self.notices.changed(options.lines[option], what, "is no one address: probes do without it")
        return settings

    def _monitor(self, section: str, settings: dict[str, Given], line: int) -> str:
        """The monitor of these settings among those of a section, made if it is the first."""
        key = (section, tuple(sorted(settings.items())))
        if key not in self.monitors:
            self.monitors[key] = self._named(section or "monitor", line, settings)
        return self.monitors[key]

    def _named(self, wanted: str, line: int, settings: dict[str, Given]) -> str:
        number, name = 1, wanted
        while self.draft.find(Kind.MONITOR, name) is not None:
            number += 1
            name = f"{wanted}-{number}"
        return self.draft.add(Kind.MONITOR, name, line, settings).name
