"""From commands to verdicts: DNS, FTP and USER as a person adds them, through fold, inventory and the node's pool."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.engine.pool import EnginePool
from connectors.engine.runs import RunReport
from schemas.probes import Verdict
from streams.folding.config.fold import ConfigFold
from streams.node.inventory import Inventory
from tests.servers.test_dns_server import Served
from tests.servers.test_ftp_server import served as ftp_served
from tests.unit.config.config_words import messages, take
from tests.waiting import wait_until

COMMANDS = """
add monitor www type=DNS query=www.example.test query_type=aaaa ip_address=2001:db8::1,2001:db8::2
add monitor gone type=DNS query=gone.test
add monitor file type=FTP file_name=health.txt recv=green
add monitor lost type=FTP file_name=lost.txt
add monitor good type=USER script_name=check script_args=0
add monitor bad type=USER script_name=check script_args=7
add monitor open type=TCP
add service names address=127.0.0.1 port={dns}
add service files address=127.0.0.1 port={ftp}
bind service names monitor www
bind service names monitor gone
bind service names monitor good
bind service names monitor bad
bind service files monitor file
bind service files monitor lost
bind service files monitor open
"""
DETAILS = {
    "www": "",
    "gone": "query ADDRESS of gone.test: NXDOMAIN: no such name",
    "file": "",
    "lost": "get of lost.txt: 550 No such file or directory.",
    "good": "",
    "bad": "script check ended with 7: for names",
    "open": "",
}


@pytest.fixture
def scripts() -> Iterator[Path]:
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("scripts must be root's: run this test as root")
    with tempfile.TemporaryDirectory(prefix="watchbill-scripts-") as name:
        Path(name).chmod(0o755)
        check = Path(name, "check")
        check.write_text('#!/bin/sh\necho "for $WATCHBILL_SERVICE"\nexit "$1"\n')
        check.chmod(0o755)
        yield Path(name)


def test_M6_task_kinds_from_commands_to_verdicts(folder: Path, scripts: Path) -> None:
    (folder / "health.txt").write_text("state: green\n")
    names = Served()
    with ftp_served(folder) as files:
        result, changes = take(ConfigFold(), COMMANDS.format(dns=names.port, ftp=files.port))
        assert result.accepted, messages(result)
        inventory = Inventory()
        bindings = inventory.apply(changes).added
        reports = asyncio.run(probed(inventory, scripts))
    names.stop()
    found = {binding.monitor_name: reports[binding.number] for binding in bindings}
    assert {name: report.detail for name, report in found.items()} == DETAILS
    up = {name for name, report in found.items() if report.verdict is Verdict.UP}
    assert up == {"www", "file", "good", "open"}


async def probed(inventory: Inventory, scripts: Path) -> dict[int, RunReport]:
    """One report of each binding, from a pool as a node has it."""
    reports: dict[int, RunReport] = {}
    pool = EnginePool(1, lambda batch: reports.update({each.number: each for each in batch}), scripts=scripts)
    await pool.start()
    try:
        pool.add([numbered.binding for numbered in inventory.numbered.values()])
        pool.set_probing(on=inventory.numbered)
        await asyncio.to_thread(wait_until, lambda: reports.keys() == inventory.numbered.keys(), 10.0, "all are probed")
    finally:
        await pool.stop()
    return reports


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("add monitor a type=DNS", "query is missing: give its text"),
        ("add monitor a type=USER", "script_name is missing: give its text"),
        ("add monitor a type=DNS query=b query_type=HINFO", 'query_type cannot be "HINFO": it is one of ADDRESS, AAAA'),
        ("add monitor a type=DNS query=b ip_address=10.0.0.1,x", 'ip_address cannot be "x": they are IPv4 or IPv6'),
        ("add monitor a type=FTP password_ref=hunter2", "password_ref is no reference to a secret"),
    ],
)
def test_M18_what_makes_no_sense_is_told_at_add(command: str, message: str) -> None:
    result, _ = take(ConfigFold(), command)
    assert not result.accepted
    assert message in " ".join(messages(result))
