"""What was read of ns.conf as entities of ours, with what NetScaler does without being told written out.

Rule: a service with no monitor bound is checked by `tcp-default` or `ping-default` there, and so it is here; a server
that is disabled takes its services and members out; a monitor whose failures are only logged is a shadow. A monitor is
drafted once, whoever is checked by it, also one that nobody is.
"""

from __future__ import annotations

from connectors.config.imports.draft import Draft, Given, Item
from connectors.config.imports.netscaler_found import Found, Holder, Server, Vserver
from connectors.config.imports.netscaler_lines import Command
from connectors.config.imports.netscaler_monitors import BUILT_IN, Monitor, monitor_settings
from schemas.config import Kind
from schemas.parameters.reading import canonical_address, canonical_host

_PINGED = "UDP ANY DNS SIP_UDP RADIUS RADIUSLISTENER SNMP TFTP DTLS RTSP_UDP AUDITLOGD"
PINGED = frozenset(_PINGED.split())
"""Types of services that `ping-default` checks where nothing is bound; the others `tcp-default`."""
ANY_PORT = 65_535
TRAFFIC = "is about traffic: it stays on the NetScaler"


class Drafter:
    """Drafts what was found."""

    def __init__(self, draft: Draft, found: Found) -> None:
        self.draft, self.notices, self.found = draft, draft.notices, found
        self.drafted: dict[str, Item] = {}
        """Services and groups by NetScaler's name."""
        self.named: dict[str, str] = {}
        """Monitors: NetScaler's name -> ours."""

    def all(self) -> None:
        """Draft all that was read."""
        for holder in self.found.holders.values():
            self._draft_holder(holder)
        for monitor in self.found.monitors.values():
            if monitor.is_built_in and monitor.name not in self.named:
                mend = "is one that every NetScaler has, and checks nobody here: it is left out"
                self.notices.note(monitor.line, f"monitor {monitor.name}", mend)
            else:
                self._draft_monitor(monitor)
        for vserver in self.found.vservers.values():
            self._draft_vserver(vserver)

    def _draft_holder(self, holder: Holder) -> None:
        if "path_monitor_individual" in holder.settings and str(holder.settings.get("path_monitor")).upper() != "YES":
            del holder.settings["path_monitor_individual"]
        if holder.kind is Kind.SERVICE:
            server = self._server(holder.server, holder.line)
            holder.settings |= {"address": server.address, "port": self._port(holder.port, holder.line)}
            holder.settings |= server.settings if canonical_address(server.address) is None else {}
            if server.is_out:
                holder.settings["state"] = "DISABLED"
        for server_name, command in ((name, command) for (name, _), command in holder.members.items()):
            self._resolve(holder, self._server(server_name, command.line))
        item = self.drafted[holder.name] = self.draft.add(holder.kind, holder.name, holder.line, holder.settings)
        for (server_name, port), command in holder.members.items():
            self._draft_member(item.name, holder, server_name, port, command)
        self._draft_ties(item, holder)

    def _resolve(self, holder: Holder, server: Server) -> None:
        """How a member's name is resolved is its server's to say there, its group's here."""
        for name, value in server.settings.items() if canonical_address(server.address) is None else ():
            if holder.settings.setdefault(name, value) != value:
                what, mend = (
                    f"server {server.address}: {name} {value}",
                    f"is {holder.settings[name]} for all of its group",
                )
                self.notices.changed(server.line, what, mend)

    def _draft_member(self, group: str, holder: Holder, server_name: str, port: str, command: Command) -> None:
        server = self._server(server_name, command.line)
        host = canonical_host(server.address) or server.address
        host = f"[{host}]" if ":" in host else host
        out = server.is_out or command.get("state").upper() == "DISABLED" or (server_name, port) in holder.members_out
        settings: dict[str, Given] = {"state": "DISABLED"} if out else {}
        name = f"{group}/{host}:{self._port(port, command.line)}"
        if self.draft.find(Kind.MEMBER, name) is None:
            self.draft.add(Kind.MEMBER, name, command.line, settings)
        for parameter in command.parameters:
            if parameter != "state":
                self.notices.note(command.line, f"-{parameter} of a member", TRAFFIC)

    def _draft_ties(self, item: Item, holder: Holder) -> None:
        if str(holder.settings.get("health_monitor", "YES")).upper() == "NO":
            return
        default = "ping-default" if holder.protocol.upper() in PINGED else "tcp-default"
        bound: dict[str, Command | None] = {**holder.monitors} or {default: None}
        for name, command in bound.items():
            monitor = self.found.monitors.get(name)
            if monitor is None and name in BUILT_IN:
                monitor = self.found.monitors[name] = Monitor(name, BUILT_IN[name], holder.line)
            if monitor is None:
                line = command.line if command else holder.line
                self.notices.lost(line, f"monitor {name}", f"was never added: {item.name} is not checked by it")
                continue
            tie = item.ties.setdefault((Kind.MONITOR, self._draft_monitor(monitor)), {})
            if monitor.is_shadow:
                tie["shadow"] = "yes"
            if command is not None:
                self._tie(tie, command)

    def _tie(self, tie: dict[str, Given], command: Command) -> None:
        if command.get("weight"):
            tie["weight"] = command.get("weight")
        if "DISABLED" in (command.get("monstate").upper(), command.get("state").upper()):
            tie["state"] = "DISABLED"
        if "passive" in command.parameters:
            self.notices.note(command.line, "-passive of a binding", "LOAD never takes a service out here")

    def _draft_monitor(self, monitor: Monitor) -> str:
        """The name of our monitor, made if it is asked for first."""
        if monitor.name not in self.named:
            settings = monitor_settings(monitor, self.notices)
            self.named[monitor.name] = self.draft.add(Kind.MONITOR, monitor.name, monitor.line, settings).name
        return self.named[monitor.name]

    def _draft_vserver(self, vserver: Vserver) -> None:
        item = self.draft.add(Kind.VSERVER, vserver.name, vserver.line, vserver.settings)
        for name, command in vserver.holders.items():
            if name not in self.drafted:
                self.notices.lost(command.line, f"{name} of vserver {vserver.name}", "was never added")
                continue
            weight = command.get("weight")
            item.tie(self.drafted[name].kind, self.drafted[name].name, **({"weight": weight} if weight else {}))

    def _server(self, name: str, line: int) -> Server:
        """A server by its name, or by the address that stands in its place."""
        return self.found.servers.get(name) or Server(name, line)

    def _port(self, text: str, line: int) -> str:
        if text not in ("*", "0"):
            return text
        mend = f"is {ANY_PORT} here, as ns.conf has it: only monitors without a port, or with their own, can tell"
        self.notices.changed(line, "a service of every port", mend)
        return str(ANY_PORT)
