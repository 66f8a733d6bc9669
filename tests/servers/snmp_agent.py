"""Debian's snmpd (Net-SNMP), run as nobody on a free port, with two values that the tests give it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.engine.runs import RunReport
from schemas.probes import Verdict
from tests.servers.running import NOBODY, Server, as_root, free_port, needed, probe, running

HUNDRED, FIFTY = "1.3.6.1.4.1.8072.9999.1.0", "1.3.6.1.4.1.8072.9999.2.0"
"""Values that the agent is given, beside its own."""
COMMUNITY, COMMUNITY_REF = "read-me-only", "env:WATCHBILL_SECRET_SNMP"
"""The reference stands for the community where the environment says so."""

CONFIGURATION = f"""
rocommunity {COMMUNITY} 127.0.0.1
sysName web-3
override {HUNDRED} integer 100
override {FIFTY} uinteger 50
"""


def load(port: int, *metrics: str, ref: str = COMMUNITY_REF, timeout_ms: int = 500) -> RunReport:
    """One probe of an agent on a loopback port."""
    return probe("LOAD", port, {"metrics": metrics, "snmp_community_ref": ref}, timeout_ms=timeout_ms)


@contextmanager
def snmp_agent(folder: Path) -> Iterator[Server]:
    """Speaks SNMPv2c on UDP; it is ready when it answers, so the environment must hold the community."""
    port, state = free_port(), folder / "state"
    (folder / "snmpd.conf").write_text(CONFIGURATION)
    state.mkdir()
    if as_root():
        shutil.chown(state, NOBODY)
    command = [needed("snmpd"), "-f", "-Lo", "-C", "-c", str(folder / "snmpd.conf")]
    command += ["-p", str(folder / "snmpd.pid"), f"udp:127.0.0.1:{port}"]

    def ready() -> bool:
        return load(port, f"{HUNDRED} 100 1").verdict is Verdict.UP

    environment = {"SNMP_PERSISTENT_DIR": str(state)}
    with running(command, port, folder, unprivileged=True, environment=environment, ready=ready) as up:
        yield up
