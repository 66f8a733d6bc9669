"""How far a node is behind the log, in which partition most, and since when (S-7, T4): part of `show node NAME`.

Rule: what a node has applied is its own word, in its last heartbeat; the ends are the log's. So a record that every
node has applied is one whose offset all of them have passed, and anyone can see it. Since when is the time of the
oldest record that the node has not applied, and not of its last word: a node may be silent and miss nothing. The
`nodes` topic is shown and not counted, because every heartbeat is one behind itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from schemas.topics import NODES, TOPICS, Topic
from streams.cli.show_tables import ATTENTION, PLAIN, QUIET, Columns
from streams.cli.show_words import age_text, time_text

Data = dict[str, Any]
Unapplied = Mapping[tuple[str, int], tuple[int, int]]
"""(topic without the cluster's prefix, partition) -> (next offset to apply, the log's end), where they differ."""
TimesOf = Callable[[Unapplied], Mapping[tuple[str, int], int]]
"""The time, in epoch milliseconds, of the first record in each such piece that is still there."""
AHEAD = 1_000
"""Records looked at in a partition for the first that compaction has left."""

LAG: Columns = (
    ("applied of", lambda one, _: (one["topic"], "bold" if one["counts"] else QUIET)),
    ("records", lambda one, _: (f"{one['applied']:,}", PLAIN)),
    ("behind", lambda one, _: (f"{one['behind']:,}", ATTENTION if one["behind"] and one["counts"] else PLAIN)),
    ("in partitions", lambda one, _: (f"{one['partitions_behind']} of {one['partitions']}", PLAIN)),
    ("most in", lambda one, _: (_furthest(one["furthest"]), PLAIN)),
    ("since", lambda one, now: (_since(one["since_ms"], now), PLAIN)),
)


def unapplied(applied: Mapping[str, tuple[int, ...]], ends: Mapping[str, tuple[int, ...]]) -> Unapplied:
    """What stands in the log and the node has not applied."""
    return {
        (topic, partition): (done, end)
        for topic, offsets in applied.items()
        for partition, (done, end) in enumerate(zip(offsets, ends.get(topic, ()), strict=False))
        if done < end
    }


def lag_of(
    applied: Mapping[str, tuple[int, ...]], ends: Mapping[str, tuple[int, ...]], times_ms: Mapping[tuple[str, int], int]
) -> list[Data]:
    """Per topic: `{"topic", "counts", "applied" (sum of offsets), "behind", "partitions", "partitions_behind",
    "furthest": {"partition", "applied", "end", "behind", "since_ms"} or null, "since_ms" (null: nothing is missing, or
    its record is gone)}`.
    """
    missing = unapplied(applied, ends)
    found = []
    for topic, offsets in applied.items():
        behind = {partition: piece for (name, partition), piece in missing.items() if name == topic}
        since = [times_ms[(topic, partition)] for partition in behind if (topic, partition) in times_ms]
        found.append(
            {
                "topic": topic,
                "counts": topic != NODES.name,
                "applied": sum(offsets),
                "behind": sum(end - done for done, end in behind.values()),
                "partitions": len(offsets),
                "partitions_behind": len(behind),
                "furthest": _furthest_of(topic, behind, times_ms),
                "since_ms": min(since, default=None),
            }
        )
    return found


def behind_since_ms(lags: Iterable[Data]) -> int | None:
    """The time of the oldest record that is not applied; None where none that counts is missing."""
    return min((one["since_ms"] for one in lags if one["counts"] and one["since_ms"] is not None), default=None)


def _furthest_of(
    topic: str, behind: Mapping[int, tuple[int, int]], times_ms: Mapping[tuple[str, int], int]
) -> Data | None:
    if not behind:
        return None
    partition = min(behind, key=lambda number: (behind[number][0] - behind[number][1], number))
    done, end = behind[partition]
    since_ms = times_ms.get((topic, partition))
    return {"partition": partition, "applied": done, "end": end, "behind": end - done, "since_ms": since_ms}


def _furthest(one: Data | None) -> str:
    return "-" if one is None else f"partition {one['partition']}: {one['behind']:,} ({one['applied']} of {one['end']})"


def _since(at_ms: int | None, now_ms: int) -> str:
    return "-" if at_ms is None else f"{time_text(at_ms)} ({age_text(now_ms - at_ms)})"


def reading(bootstrap: str | None, cluster: str, data_dir: Any) -> TimesOf:
    """Asks Kafka. Ends the verb with exit code 3 where it gives no answer."""

    def times_of(missing: Unapplied) -> Mapping[tuple[str, int], int]:
        from connectors.kafka.log_slice import Piece
        from connectors.kafka.places import Place
        from streams.cli.library import opened

        by_name: dict[str, Topic] = {topic.name: topic for topic in TOPICS}
        names = {name for name, _ in missing}
        if not names:
            return {}
        times_ms: dict[tuple[str, int], int] = {}
        with opened(bootstrap, cluster, data_dir, [by_name[name] for name in names]) as library:
            pieces = {
                Place(library.topic(by_name[name]), partition): Piece(done, min(end, done + AHEAD))
                for (name, partition), (done, end) in missing.items()
            }
            for name, records in library.read(pieces).items():
                for record in records:
                    key = name, record.where.partition
                    times_ms[key] = min(record.where.at_ms, times_ms.get(key, record.where.at_ms))
        return times_ms

    return times_of
