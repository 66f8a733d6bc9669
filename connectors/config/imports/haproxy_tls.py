"""Whether a server's checks go over TLS, and what of a certificate they verify, as settings of a monitor.

Rule: HAProxy verifies the chain by default and a name only if one is given (`verifyhost`); ours verifies both or
nothing. Where HAProxy has no name, verifying would turn good servers DOWN, so it is left off and told. A file of
authorities becomes a reference, which each node looks up in its own folder.
"""

from __future__ import annotations

import re

from connectors.config.imports.haproxy_server import Options
from connectors.config.imports.notices import Notices

SYSTEM_CA = "@system-ca"
_LITERAL = re.compile(r"str\(([A-Za-z0-9._-]+)\)")
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


def is_over_tls(options: Options) -> bool:
    """Whether checks go over TLS: told so, or the server's traffic does and the check goes to the same place."""
    return options.has("check-ssl") or (options.has("ssl") and not options.has("port", "addr"))


def tls_settings(options: Options, verifies: bool, name: str, line: int, notices: Notices) -> dict[str, str]:
    """The settings of TLS itself; `name` is one that the check itself gives, `verifies` HAProxy's own default."""
    literal = _LITERAL.fullmatch(options.get("sni"))
    name = name or options.get("check-sni") or options.get("verifyhost") or (literal[1] if literal else "")
    settings = {"server_name": name} if name else {}
    if options.get("verify", "required" if verifies else "none") == "none":
        return settings
    if not name:
        mend = "is verified without a name, ours needs one: nothing is verified; give server_name and tls_verify: yes"
        notices.changed(options.lines.get("ssl", line), "a certificate", mend)
        return settings
    settings["tls_verify"] = "yes"
    path = options.get("ca-file", SYSTEM_CA)
    if path != SYSTEM_CA:
        settings["ca_ref"] = f"file:{file_name(path)}"
        mend = f"is to be {file_name(path)} in the secrets folder of each node (`node --secrets`)"
        notices.changed(options.lines["ca-file"], f"ca-file {path}", mend)
    return settings


def file_name(path: str) -> str:
    """A name for a file of the secrets folder."""
    return _NOT_A_NAME.sub("_", path.rpartition("/")[2]).lstrip(".-")[:100] or "ca.pem"
