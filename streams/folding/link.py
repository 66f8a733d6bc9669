"""Step 7: what the owner learnt of the link to the service, in the record (S-1).

Rule: the owner's word stands until it says another, or the service has another address; a new owner's record carries
the old one's link until its own first success. A link alone is no reason to write at once: it goes with the next
record, or with one that is paced.
"""

from __future__ import annotations

from schemas.probes import Link
from schemas.states import LayerTwo, ServiceState
from streams.folding.server import ServerInfo


def link_of(before: ServiceState | None, server: ServerInfo, link: Link | None) -> tuple[LayerTwo | None, int | None]:
    """Layer 2 and the segment size of the next record."""
    if link is not None:
        return layer_two_of(link), link.mss
    if before is None or before.ip_address != server.ip_address:
        return None, None
    return before.layer_two, before.mss


def is_link_news(record: ServiceState, link: Link | None) -> bool:
    """Whether the record does not show what is known."""
    return link is not None and (record.layer_two, record.mss) != (layer_two_of(link), link.mss)


def layer_two_of(link: Link) -> LayerTwo | None:
    """Layer 2 as a record has it; None where the address is not on the owner's own link."""
    return None if link.mac is None else LayerTwo(link.mac, link.vlan or 0, link.channel or "")
