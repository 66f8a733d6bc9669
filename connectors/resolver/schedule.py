"""When to ask DNS again, and which of several addresses to take. Pure: the clock is an argument.

Rule: an answer holds for its TTL, but at least a second, or a TTL of 0 would be a flood; and at most an hour, or a slip
of days in a zone would hold a service at a dead address. After no answer the question's own pause counts. A little is
added from a stable hash of the name, so that names that expire together are not asked for together; nothing is ever
taken off, because an early question to a caching server only gets the rest of the old TTL.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.resolver.answers import Answer, Outcome, Question
from schemas.identifiers import EntityId, stable_hash

MINIMUM_TTL_S = 1
MAXIMUM_TTL_S = 3_600
LATER_SHARE = 10
"""At most a tenth of the wait is added."""
LATER_MS = 5_000
"""And never more than this."""


def held_ttl_s(ttl_s: int) -> int:
    """For how long an answer is held, whatever its TTL says."""
    return max(MINIMUM_TTL_S, min(ttl_s, MAXIMUM_TTL_S))


def wait_ms(question: Question, outcome: Outcome) -> int:
    """Milliseconds from an outcome to the next question."""
    base_ms = held_ttl_s(outcome.ttl_s) * 1_000 if isinstance(outcome, Answer) else question.retry_ms
    later_ms = min(base_ms // LATER_SHARE, LATER_MS)
    return base_ms + stable_hash(f"{question.name}/{question.query_type}") % (later_ms + 1)


def chosen(addresses: Sequence[str], in_use: Sequence[str], service: EntityId) -> str:
    """The address to take: one in use if DNS still gives it, the earlier before the later, else by a stable hash.

    So a server that gives its addresses in another order each time changes nothing, and many services of one name
    spread over its addresses. Every node makes the same choice.
    """
    for address in in_use:
        if address in addresses:
            return address
    return min(addresses, key=lambda address: stable_hash(f"{service}/{address}"))
