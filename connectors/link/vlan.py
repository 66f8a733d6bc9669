"""The VLAN of an interface: what the 802.1Q module says, else what the interface is called.

Rule: 0 for an interface without a tag. /proc/net/vlan has a file for each tagged interface with its `VID`; where the
module does not show it (a container without its own /proc), `eth0.100` and `vlan100` are the two names that tools give.
"""

from __future__ import annotations

import re
from pathlib import Path

VID = re.compile(r"VID:\s*(\d+)")
NAMED = re.compile(r".+\.(\d{1,4})|vlan(\d{1,4})")
LARGEST = 4094


def vlan_of(interface: str, folder: Path) -> int:
    """The VLAN's number, 1 to 4094; 0 for none."""
    try:
        found = VID.search((folder / interface).read_text())
    except OSError:
        found = None
    named = NAMED.fullmatch(interface)
    number = int(found[1]) if found else int(named[1] or named[2]) if named else 0
    return number if number <= LARGEST else 0
