"""Which record explains that a node's digest is another than the log's (U-5).

Rule: a digest is an exclusive or over records, so two that differ in one service differ by the hash of what the one
holds and of what the other holds. Every version of every service stands in the log, and so the one that makes up the
difference is found without asking the node. Where none does, more than one service differs, or the node holds bytes
that the log never had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Version:
    """A record of `service-states`: its key, its offset, and the hash that a digest takes it by (0: a tombstone)."""

    key: bytes
    offset: int
    hash: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A node holds `held` of a service where the log gives `wanted`; None: nothing."""

    key: bytes
    held: Version | None
    wanted: Version | None

    @property
    def offset(self) -> int:
        """The first record by which the two differ."""
        return min(version.offset for version in (self.held, self.wanted) if version is not None)


def difference(
    versions: Iterable[Version], wanted: Mapping[bytes, int], log_digest: int, node_digest: int
) -> Difference | None:
    """The service in which the node differs, if it is one; the first in the log of those that would explain it.

    `versions` are the partition's records up to the offset of both digests, `wanted` the offset of the one that each
    service has by the log.
    """
    apart = log_digest ^ node_digest
    seen: dict[bytes, list[Version]] = {}
    for version in versions:
        seen.setdefault(version.key, []).append(version)
    found = []
    for key, of_key in seen.items():
        want = next((version for version in of_key if version.offset == wanted.get(key)), None)
        base = 0 if want is None else want.hash
        if want is not None and base == apart:
            found.append(Difference(key, None, want))
        found += [
            Difference(key, version, want)
            for version in of_key
            if version.hash and version != want and base ^ version.hash == apart
        ]
    return min(found, key=lambda one: one.offset, default=None)
