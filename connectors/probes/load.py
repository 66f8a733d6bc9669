"""LOAD: asks an SNMP agent for some values and says how full the target is; it never decides whether it is UP (M-6).

Rule: one GET for all metrics (SNMPv2c, RFC 3416, over UDP, RFC 3417), one answer. NetScaler compares each value with
its threshold and weighs the metrics with respect to each other; it does not publish how it adds them up, so this is
said here: load = 100 * Σ(weight * value / threshold) / Σ weight, a whole percentage. 0 is idle, 100 means that the
metrics are on the average at their thresholds. The flag "threshold reached" is set as soon as one value alone is at its
threshold or above, for NetScaler then no longer considers the service, however idle the rest of it is.

An agent says nothing at all to a wrong community: silence is the likeliest sign of one, and the detail says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.ber import (
    INTEGER,
    NULL,
    OBJECT_ID,
    SEQUENCE,
    BerReader,
    dotted_object_id,
    element,
    integer,
    object_id,
    octets,
)
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.framed import Malformed
from connectors.probes.matching import quoted
from connectors.probes.outcome import Outcome, down, measured
from connectors.probes.secrets import secret
from schemas.parameters.metrics import FITS, METRICS, Metric, parse_metric
from schemas.probes import Reason

DEFAULTS: Mapping[str, ParameterValue] = {"snmp_community_ref": "", "snmp_version": "V2", "metrics": ()}

VERSION_2C = 1
GET, RESPONSE = 0xA0, 0xA2
COUNTER32, GAUGE32, TIME_TICKS, COUNTER64 = 0x41, 0x42, 0x43, 0x46
UNSIGNED = (COUNTER32, GAUGE32, TIME_TICKS, COUNTER64)
UNSIGNED_BYTES = 9
"""A Counter64 with its leading zero."""
ABSENT = {0x80: "no such object", 0x81: "no such instance", 0x82: "the end of what it has"}
ERRORS = ("noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess")
AUTHORIZATION_ERROR = 16
MOST = 1_000_000
"""A load above this is told as this: a value may be 2**64, and its threshold 1."""
NUMBERS = 2**31 - 1
"""Request numbers go up to here and begin again."""


class LoadConversation:
    """One GET, one answer."""

    __slots__ = ("_ahead", "_community", "_metrics", "_number", "_timeout_ms")

    def __init__(self, binding: Binding) -> None:
        settings = {**DEFAULTS, **binding.parameters}
        self._metrics = metrics_of(settings["metrics"])
        self._community = octets(secret(str(settings["snmp_community_ref"])).encode())
        self._ahead = element(
            SEQUENCE, *(element(SEQUENCE, object_id(row.oid), element(NULL)) for row in self._metrics)
        )
        self._timeout_ms = binding.timeout_ms
        self._number = 0

    def begin(self) -> None:
        """Another number for each request: an answer must name it."""
        self._number = self._number % NUMBERS + 1

    def connected(self) -> Step:
        """Ask for all of them at once."""
        request = element(GET, integer(self._number), integer(0), integer(0), self._ahead)
        return element(SEQUENCE, integer(VERSION_2C), self._community, request)

    def received(self, data: bytes, /) -> Step:
        """One datagram; what answers another request is passed over."""
        try:
            return self._answered(data)
        except Malformed as error:
            return down(Reason.BAD_RESPONSE, f"no answer of SNMPv2c: {error}; got {quoted(data)}")

    def closed(self) -> Outcome:
        """Never reached: there is no connection to close."""
        return self.overdue()

    def overdue(self) -> Outcome:
        """Nothing came."""
        text = f"no answer within {self._timeout_ms} ms: SNMP agents say nothing to a wrong snmp_community_ref"
        return down(Reason.TIMEOUT_FIRST_BYTE, text)

    def _answered(self, data: bytes) -> Step:
        message = BerReader(data).enter(SEQUENCE)
        version = message.integer()
        if version != VERSION_2C:
            raise Malformed(f"version number {version}, not {VERSION_2C}")
        message.next()
        answer = message.enter(RESPONSE)
        if answer.integer() != self._number:
            return None
        error, place = answer.integer(), answer.integer()
        if error:
            return down(Reason.BAD_STATUS, f"SNMP error {error_name(error)} ({error}) {self._at(place)}")
        return self._judged(answer.enter(SEQUENCE))

    def _at(self, place: int) -> str:
        return f"at {self._metrics[place - 1].oid}" if 1 <= place <= len(self._metrics) else "for the whole request"

    def _judged(self, rows: BerReader) -> Outcome:
        values: list[int] = []
        for metric in self._metrics:
            row = rows.enter(SEQUENCE)
            oid = dotted_object_id(row.expect(OBJECT_ID))
            if oid != metric.oid:
                raise Malformed(f"the value of {oid} in the place of {metric.oid}")
            tag, content = row.next()
            value = number(tag, content)
            if value is None:
                what = ABSENT.get(tag) or f"no number: {quoted(content)}"
                return down(Reason.MISMATCH, f"{metric.oid} is {what}")
            values.append(value)
        return measured(load_of(self._metrics, values), any_reached(self._metrics, values))


def metrics_of(lines: ParameterValue) -> tuple[Metric, ...]:
    """The metrics of a binding. Raises ValueError with the one that is none."""
    made: list[Metric] = []
    for line in lines if isinstance(lines, tuple) else (lines,):
        metric = parse_metric(str(line))
        if metric is None:
            raise ValueError(f"metrics has {str(line)[:60]!r}: {FITS}")
        made.append(metric)
    if not 1 <= len(made) <= METRICS:
        raise ValueError(f"metrics has {len(made)} of them: give 1 to {METRICS}")
    return tuple(made)


def number(tag: int, content: bytes) -> int | None:
    """A value's number; None for what is none: a text, an address, or nothing there."""
    if tag == INTEGER and 1 <= len(content) <= UNSIGNED_BYTES - 1:
        return int.from_bytes(content, "big", signed=True)
    if tag in UNSIGNED and 1 <= len(content) <= UNSIGNED_BYTES:
        return int.from_bytes(content, "big")
    return None


def load_of(metrics: Sequence[Metric], values: Sequence[int]) -> int:
    """100 * Σ(weight * value / threshold) / Σ weight, rounded, 0 to MOST; a negative value counts as 0."""
    shares = (metric.weight * max(value, 0) / metric.threshold for metric, value in zip(metrics, values, strict=True))
    return min(round(100 * sum(shares) / sum(metric.weight for metric in metrics)), MOST)


def any_reached(metrics: Sequence[Metric], values: Sequence[int]) -> bool:
    """Whether one value is at its threshold or above."""
    return any(value >= metric.threshold for metric, value in zip(metrics, values, strict=True))


def error_name(error: int) -> str:
    """An error status in the words of RFC 3416."""
    if error == AUTHORIZATION_ERROR:
        return "authorizationError"
    return ERRORS[error] if 0 <= error < len(ERRORS) else "error"


LOAD = Kind("LOAD", Wire.DATAGRAM, DEFAULTS, LoadConversation)
