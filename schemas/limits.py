"""Every limit of the language, named, with what happens there.

Rule: a size is checked before a byte is decoded, because a few bytes can ask a decoder for gigabytes. A record over its
topic's limit is refused at the producer with a message, and quarantined (its head kept) at a reader.
"""

from __future__ import annotations

KIB = 1024
MIB = 1024 * KIB

COMMAND_BYTES = 8 * MIB
"""A ConfigCommand: some 50,000 operations. A larger file is to be applied in parts."""

ENTITY_BYTES = 256 * KIB
"""A ConfigEntity, a ServiceState or a NodeStatus."""

BATCH_BYTES = 512 * KIB
"""A ProbeResults batch; the publisher splits a larger one."""

QUARANTINE_VALUE_BYTES = 64 * KIB
"""How much of a bad record is kept; its whole size is noted beside it."""

DETAIL_CHARACTERS = 200
"""The text of a probe's failure, after escaping."""

OUTCOMES = 127
"""Probes of a binding that the fold remembers: the largest `retries` (M-18)."""
