"""NetScaler's ns.conf: services, service groups with members, monitors, load-balancing vservers, and what is bound.

Rule: the last word on a thing holds, wherever it stands, so all commands are read before anything is drafted
(`netscaler_draft`). What is done to a command is one row of `ACTS`; one that is about health and has no row is told,
and all others are about traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address

from connectors.config.imports.draft import Draft, Given
from connectors.config.imports.netscaler_draft import TRAFFIC, Drafter
from connectors.config.imports.netscaler_found import Found, Holder, Server, Vserver
from connectors.config.imports.netscaler_lines import VERBS, Command, commands_of
from connectors.config.imports.netscaler_monitors import BUILT_IN, Monitor
from connectors.config.imports.notices import NotThis
from schemas.config import Kind
from schemas.parameters.reading import canonical_address

METHODS = {
    "LEASTCONNECTION": "LEASTCONNECTION",
    "ROUNDROBIN": "ROUNDROBIN",
    "LEASTRESPONSETIME": "LRTM",
    "LRTM": "LRTM",
    "CUSTOMLOAD": "CUSTOMLOAD",
}
PROTOCOLS = {name: name for name in ("HTTP", "SSL", "TCP", "SSL_TCP", "UDP", "DNS", "ANY")} | {"SSL_BRIDGE": "SSL_TCP"}
HEALTH = {
    "monthreshold": "threshold",
    "healthmonitor": "health_monitor",
    "pathmonitor": "path_monitor",
    "pathmonitorindv": "path_monitor_individual",
    "comment": "comment",
}
"""NetScaler's parameters of services and groups -> ours."""


def read_netscaler(text: str) -> Draft:
    """The draft of an ns.conf. Raises NotThis for a text without one of its commands."""
    reader = _Reader(Draft())
    found = 0
    for command in commands_of(text):
        found += command.verb in VERBS
        reader.take(command)
    if not found:
        raise NotThis("no command was found (add, set, bind, ...): is this ns.conf?")
    Drafter(reader.draft, reader.found).all()
    return reader.draft


class _Reader:
    def __init__(self, draft: Draft) -> None:
        self.draft, self.notices = draft, draft.notices
        self.found = Found()
        self.tables: dict[str, dict[str, str]] = {}

    def take(self, command: Command) -> None:
        act = ACTS.get((command.verb, command.about))
        if act is not None and command.words:
            act(self, command)
        elif command.about == "gslb service":
            mend = "is checked by its own site: add it as a service here if it is to be probed"
            self.notices.lost(command.line, f"gslb service {' '.join(command.words[:1])}", mend)
        elif command.about in KNOWN:
            what = f"{command.verb} {command.about} {' '.join(command.words[:1])}".strip()
            self.notices.changed(command.line, what, "is not followed: see whether what it changes is right here")
        else:
            self.notices.note(command.line, f"{command.verb} {command.about}", TRAFFIC)

    def server(self, command: Command) -> None:
        if len(command.words) < 2:
            self.notices.lost(command.line, f"server {command.words[0]}", "has no address")
            return
        server = Server(command.words[1], command.line, command.get("state").upper() == "DISABLED")
        if command.get("querytype"):
            server.settings["query_type"] = command.get("querytype")
        if command.get("domainresolveretry"):
            server.settings["domain_resolve_retry"] = f"{command.get('domainresolveretry')}s"
        self.found.servers[command.words[0]] = server

    def service(self, command: Command) -> None:
        if len(command.words) < 4:
            self.notices.lost(command.line, f"service {command.words[0]}", "has no server, type and port")
            return
        name, server, protocol, port = command.words[:4]
        holder = Holder(Kind.SERVICE, name, command.line, server, protocol, port)
        self.found.holders[holder.name] = holder
        self._settle(holder.settings, command, f"service {holder.name}")

    def group(self, command: Command) -> None:
        protocol = command.words[1] if len(command.words) > 1 else "TCP"
        holder = Holder(Kind.SERVICE_GROUP, command.words[0], command.line, "", protocol, "")
        self.found.holders[holder.name] = holder
        self._settle(holder.settings, command, f"service group {holder.name}")

    def set_holder(self, command: Command) -> None:
        holder = self._holder(command)
        if holder is not None:
            self._settle(holder.settings, command, f"service {holder.name}")

    def _settle(self, settings: dict[str, Given], command: Command, what: str) -> None:
        for name, values in command.parameters.items():
            value = values[0] if values else ""
            if name == "state":
                settings["state"] = value.upper()
            elif name in HEALTH:
                settings[HEALTH[name]] = value
            elif name in ("netprofile", "passive"):
                self.notices.changed(command.line, f"{what}: -{name}", "has no counterpart: it is left out")
            else:
                self.notices.note(command.line, f"-{name} of a service", TRAFFIC)

    def _holder(self, command: Command) -> Holder | None:
        holder = self.found.holders.get(command.words[0])
        if holder is None:
            self.notices.lost(command.line, f"{command.verb} {command.about} {command.words[0]}", "was never added")
        return holder

    def bind(self, command: Command) -> None:
        """To a service or a group: a monitor, or a member, or a policy."""
        holder = self._holder(command)
        if holder is None:
            return
        if command.get("monitorname"):
            holder.monitors[command.get("monitorname")] = command
        elif holder.kind is Kind.SERVICE_GROUP and len(command.words) > 2:
            holder.members[(command.words[1], command.words[2])] = command
        else:
            self.notices.note(command.line, f"bind {command.about} with {', '.join(command.parameters)}", TRAFFIC)

    def unbind(self, command: Command) -> None:
        holder = self._holder(command)
        if holder is not None:
            holder.monitors.pop(command.get("monitorname"), None)
            if len(command.words) > 2:
                holder.members.pop((command.words[1], command.words[2]), None)

    def turn(self, command: Command) -> None:
        """Enable or disable a service, a group, or one member of it."""
        holder = self._holder(command)
        if holder is None:
            return
        if len(command.words) > 2:
            member = (command.words[1], command.words[2])
            (holder.members_out.add if command.verb == "disable" else holder.members_out.discard)(member)
        else:
            holder.settings["state"] = f"{command.verb}d".upper()

    def turn_server(self, command: Command) -> None:
        for name in command.words:
            if name in self.found.servers:
                self.found.servers[name].is_out = command.verb == "disable"
            else:
                self.notices.lost(command.line, f"{command.verb} server {name}", "was never added")

    def monitor(self, command: Command) -> None:
        name = command.words[0]
        kind = command.words[1] if len(command.words) > 1 else BUILT_IN.get(name, "")
        if not kind:
            self.notices.lost(command.line, f"monitor {name}", "has no type")
            return
        if command.verb == "add" or name not in self.found.monitors:
            self.found.monitors[name] = Monitor(name, kind, command.line, is_built_in=command.verb != "add")
        self.found.monitors[name].take(command)

    def bind_monitor(self, command: Command) -> None:
        """A metric to a LOAD monitor; in old releases a monitor to a service."""
        name = command.words[0]
        if command.get("metric") and name in self.found.monitors:
            monitor = self.found.monitors[name]
            table = self.tables.get((monitor.parameters.get("metrictable") or ("",))[0], {})
            oid = table.get(command.get("metric"), command.get("metric"))
            weight = command.get("metricweight") or "1"
            monitor.metrics.append(f"{oid} {command.get('metricthreshold') or '0'} {weight}")
        elif len(command.words) > 1 and command.words[1] in self.found.holders:
            self.found.holders[command.words[1]].monitors[name] = command
        else:
            self.notices.lost(command.line, f"bind lb monitor {name}", "names nothing that was added before")

    def table(self, command: Command) -> None:
        metrics = self.tables.setdefault(command.words[0], {})
        if command.verb == "bind" and len(command.words) > 2:
            metrics[command.words[1]] = command.words[2]

    def vserver(self, command: Command) -> None:
        words = command.words
        vserver = self.found.vservers.setdefault(words[0], Vserver(words[0], command.line))
        if command.verb == "add" and len(words) > 1:
            vserver.settings["protocol"] = PROTOCOLS.get(words[1].upper(), "TCP")
            if words[1].upper() not in PROTOCOLS:
                self.notices.note(command.line, f"vserver of type {words[1]}", "is TCP here")
        if command.verb == "add" and len(words) > 3 and words[3].isdecimal() and words[3] != "0":
            address = canonical_address(words[2])
            if address and not ip_address(address).is_unspecified:
                vserver.settings |= {"address": address, "port": words[3]}
        for name, values in command.parameters.items():
            value = values[0] if values else ""
            if name == "lbmethod":
                vserver.settings["method"] = METHODS.get(value.upper(), "LEASTCONNECTION")
                if value.upper() not in METHODS:
                    mend = "is NetScaler's to do: the vserver here says LEASTCONNECTION"
                    self.notices.note(command.line, f"-lbMethod {value}", mend)
            elif name in ("state", "comment"):
                vserver.settings[name] = value
            else:
                self.notices.note(command.line, f"-{name} of a vserver", TRAFFIC)

    def bind_vserver(self, command: Command) -> None:
        vserver = self.found.vservers.get(command.words[0])
        if vserver is not None and len(command.words) > 1:
            vserver.holders[command.words[1]] = command
        else:
            self.notices.note(command.line, f"bind lb vserver with {', '.join(command.parameters)}", TRAFFIC)

    def turn_vserver(self, command: Command) -> None:
        for name in command.words:
            if name in self.found.vservers:
                self.found.vservers[name].settings["state"] = f"{command.verb}d".upper()


ACTS: Mapping[tuple[str, str], Callable[[_Reader, Command], None]] = {
    ("add", "server"): _Reader.server,
    ("add", "service"): _Reader.service,
    ("add", "servicegroup"): _Reader.group,
    ("set", "service"): _Reader.set_holder,
    ("set", "servicegroup"): _Reader.set_holder,
    ("bind", "service"): _Reader.bind,
    ("bind", "servicegroup"): _Reader.bind,
    ("unbind", "service"): _Reader.unbind,
    ("unbind", "servicegroup"): _Reader.unbind,
    **{(verb, about): _Reader.turn for verb in ("enable", "disable") for about in ("service", "servicegroup")},
    **{(verb, "server"): _Reader.turn_server for verb in ("enable", "disable")},
    **{(verb, "lb vserver"): _Reader.turn_vserver for verb in ("enable", "disable")},
    ("add", "lb monitor"): _Reader.monitor,
    ("set", "lb monitor"): _Reader.monitor,
    ("bind", "lb monitor"): _Reader.bind_monitor,
    ("add", "lb metrictable"): _Reader.table,
    ("bind", "lb metrictable"): _Reader.table,
    ("add", "lb vserver"): _Reader.vserver,
    ("set", "lb vserver"): _Reader.vserver,
    ("bind", "lb vserver"): _Reader.bind_vserver,
}
KNOWN = frozenset(about for _, about in ACTS)
