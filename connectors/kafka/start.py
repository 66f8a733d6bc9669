"""From which offset each partition is read, and whether the log is the one that was asked for.

Rule: everything that can be wrong is found before the first record is taken: another topic under the old name, places
that are not there, a position whose record is gone or was never written. Pure, so that each case is a plain test. Why
offsets are made explicit: for "the beginning" librdkafka asks again, half a second later if it had no leader yet.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.kafka.faults import LogFault, records_gone, topic_recreated, wrong_partitions
from connectors.kafka.log_watch import LogBounds
from connectors.kafka.places import BEGINNING, END, Place, is_the_last


def first_offsets(start: Mapping[Place, int], bounds: LogBounds) -> dict[Place, int]:
    """The offset of the first record to read of each place."""
    return {place: _first(place, offset, bounds) for place, offset in start.items()}


def _first(place: Place, offset: int, bounds: LogBounds) -> int:
    oldest, end = bounds.oldest.get(place, 0), bounds.ends.get(place, 0)
    if (last := is_the_last(offset)) is not None:
        return max(oldest, end - last)
    return {BEGINNING: oldest, END: end}.get(offset, offset)


def first_fault(offsets: Mapping[Place, int], bounds: LogBounds, topic_ids: Mapping[str, str]) -> LogFault | None:
    """Why these offsets can not be read from this log, if so. `topic_ids` are ids known from before."""
    for topic, known in topic_ids.items():
        if bounds.topic_ids.get(topic, known) != known:
            return topic_recreated(topic, known, bounds.topic_ids[topic])
    for topic, found in bounds.partitions.items():
        wanted = max((place.partition + 1 for place in offsets if place.topic == topic), default=0)
        if wanted > found:
            return wrong_partitions(topic, found, wanted)
    for place, offset in offsets.items():
        if not bounds.oldest[place] <= offset <= bounds.ends[place]:
            return records_gone(*place, f"it is {offset}, there are {bounds.oldest[place]} to {bounds.ends[place]}")
    return None
