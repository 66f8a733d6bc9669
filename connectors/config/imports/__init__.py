"""Other systems' configuration as ours: HAProxy, NetScaler, consul-esm; one dialect, one reader.

Belongs here: pure functions from a text to a draft of entities and the notices about every line that is not in it as it
stood. Never here: files, Kafka, what a person sees, and what ours means (the tables of `schemas/parameters` say that).
A dialect reads its own names only and says settings as a person would write them; `Draft` checks them as a cluster
file is checked, so what comes out is always a file that `apply` reads.
"""

from collections.abc import Callable, Mapping

from connectors.config.imports.consul import read_consul
from connectors.config.imports.draft import Draft
from connectors.config.imports.haproxy import read_haproxy
from connectors.config.imports.netscaler import read_netscaler
from connectors.config.imports.notices import Loss, Notice, NotThis

DIALECTS: Mapping[str, Callable[[str], Draft]] = {
    "haproxy": read_haproxy,
    "netscaler": read_netscaler,
    "consul-esm": read_consul,
}
"""How a person calls a dialect -> its reader. A reader raises NotThis for a text that is none of it."""

__all__ = ["DIALECTS", "Draft", "Loss", "NotThis", "Notice"]
