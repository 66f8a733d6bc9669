"""Envoy's endpoints, written as files that it watches (EDS over the file system): one a vserver, its health by state.

Rule: a file is a whole DiscoveryResponse of one ClusterLoadAssignment, because Envoy takes one cluster from a file; it
is put in its place by a rename, which is also what Envoy watches for, so it never reads half of one. Written only where
it says something new. Every service is an endpoint whatever its state, with its health beside it: Envoy then finishes
what it began with a server that drains, and what is not known yet (UNKNOWN) it takes for healthy, never for dead (U-9).
Why files and not a management server: they outlive this process, and Envoy's own protocol needs one more to run.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from structlog import get_logger

from schemas.states import State

log = get_logger()

LOOK_S = 5.0
"""How often files are compared with what they are to say, though nothing was heard of."""
PAUSE_S = 0.2
"""Between two looks, however often states change meanwhile."""
ASSIGNMENT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
HEALTH = {
    State.UP: "HEALTHY",
    State.DOWN: "UNHEALTHY",
    State.GOING_OUT_OF_SERVICE: "DRAINING",
    State.OUT_OF_SERVICE: "UNHEALTHY",
    State.UNKNOWN: "UNKNOWN",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server of a vserver, as it is now."""

    address: str
    port: int
    weight: int
    state: State


def assignment(cluster: str, endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The cluster's servers; one that is bound twice is there once, with both weights."""
    placed: dict[tuple[str, int], dict[str, Any]] = {}
    for one in endpoints:
        before = placed.get((one.address, one.port))
        placed[one.address, one.port] = {
            "endpoint": {"address": {"socket_address": {"address": one.address, "port_value": one.port}}},
            "health_status": HEALTH[one.state],
            "load_balancing_weight": one.weight + (before["load_balancing_weight"] if before else 0),
        }
    return {"@type": ASSIGNMENT, "cluster_name": cluster, "endpoints": [{"lb_endpoints": list(placed.values())}]}


def document(cluster: str, endpoints: Iterable[Endpoint]) -> bytes:
    """The file. Its version is a digest of what it says, so that the same has the same."""
    resource = assignment(cluster, endpoints)
    version = hashlib.sha256(json.dumps(resource, sort_keys=True).encode()).hexdigest()[:16]
    return (json.dumps({"version_info": version, "resources": [resource]}, indent=1) + "\n").encode()


def put(place: Path, content: bytes) -> bool:
    """The file, whole, in its place; False where it was so already. Raises OSError."""
    with suppress(FileNotFoundError):
        if place.read_bytes() == content:
            return False
    beside = place.with_name(f".{place.name}.new")
    beside.write_bytes(content)
    beside.replace(place)
    return True


class EnvoyEds:
    """Files `<folder>/<name>.json`. `clusters` gives each vserver's servers, by name; it is asked on another thread."""

    def __init__(self, folder: Path, clusters: Callable[[], Mapping[str, Iterable[Endpoint]]]) -> None:
        self._folder, self._clusters = folder, clusters
        self._trouble = ""
        self.written = 0

    async def run(self, changed: asyncio.Event) -> None:
        """Until cancelled. `changed` is set, on this loop, by who hears of another state or configuration."""
        while True:
            changed.clear()
            await self.turn()
            await asyncio.sleep(PAUSE_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), LOOK_S)

    async def turn(self) -> None:
        """Every file as it is to be; a folder that cannot be written to is told of once, and tried again."""
        try:
            await asyncio.to_thread(self._put_all)
        except OSError as fault:
            trouble = f"{type(fault).__name__}: {fault}"
            if trouble != self._trouble:
                log.warning("cannot write Envoy's endpoints", folder=str(self._folder), why=trouble)
            self._trouble = trouble
        else:
            if self._trouble:
                log.info("Envoy's endpoints are written again", folder=str(self._folder))
            self._trouble = ""

    def _put_all(self) -> None:
        for name, endpoints in self._clusters().items():
            if put(self._folder / f"{name}.json", document(name, endpoints)):
                self.written += 1
                log.info("endpoints written", cluster=name)
