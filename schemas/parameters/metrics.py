"""The metrics of a LOAD monitor as people write them: `OID threshold weight`, several parted by commas.

Rule: one line is one metric, the form NetScaler's metric tables and `-metricThreshold`, `-metricWeight` have in three
places. The threshold is of the value as the target tells it, 1 or more, since the load is a share of it; the weight is
1 to 100, 1 if left out. The kept form has single spaces, no leading dot and all three parts, so that two spellings are
one setting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

METRICS = 32
"""Metrics of one monitor: they are asked for in one datagram."""

THRESHOLD = 2**63 - 1
WEIGHT = 100
ARC = 2**32 - 1
FITS = "a metric is an OID, a threshold and a weight of 1 to 100, such as '1.3.6.1.4.1.2021.10.1.5.1 400 2'"
_METRIC = re.compile(r"\.?([0-2](?:\.[0-9]{1,10}){1,60})[ \t]+([0-9]{1,19})(?:[ \t]+([0-9]{1,3}))?")


@dataclass(frozen=True, slots=True)
class Metric:
    """What is asked for, the value at which the target is full, and what its share counts for."""

    oid: str
    threshold: int
    weight: int

    def __str__(self) -> str:
        return f"{self.oid} {self.threshold} {self.weight}"


def parse_metric(text: str) -> Metric | None:
    """The metric that a person or a record wrote; None if it is none."""
    match = _METRIC.fullmatch(text.strip())
    if match is None:
        return None
    arcs = [int(arc) for arc in match[1].split(".")]
    metric = Metric(".".join(map(str, arcs)), int(match[2]), int(match[3] or 1))
    known_arcs = max(arcs) <= ARC and (arcs[0] == 2 or arcs[1] <= 39)
    in_range = 1 <= metric.threshold <= THRESHOLD and 1 <= metric.weight <= WEIGHT
    return metric if known_arcs and in_range else None
