"""The bytes between a node and its engines: frames of four bytes of length, one of kind, and a body.

Rule: results are packed structs, for a frame may hold thousands; bindings are JSON arrays, for their settings differ by
kind and a table of 10,000 is encoded once and sent to every engine as the same bytes. Both ends are always of the same
release, so an enum travels as its place in its class. Why not pickle: its bytes can run code, and JSON is as fast here.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from enum import IntEnum
from struct import Struct
from typing import Any

from connectors.engine.binding import Binding, ParameterValue
from connectors.engine.runs import RunReport
from connectors.engine.statistics import EngineStatistics
from connectors.probes.policy import TargetPolicy, parse_policy
from schemas.probes import MeasuredLoad, Reason, Verdict

FRAME_BYTES = 16 * 1024 * 1024
"""A longer frame is a broken promise of the other end; the connection is given up."""

BINDINGS_PER_FRAME = 500
"""A table update is cut, so that an engine goes on probing between the parts."""

PART_BYTES = 1024 * 1024
"""The same for bindings with long settings: no table may grow into a frame that is too long."""


class FrameKind(IntEnum):
    """What a frame says. PROBE_RESUME is PROBE_ON for bindings whose state is known: their first probe may wait.
    EXPECT_UP names those of the next such frame that are known to succeed: that they do is no news.
    TARGETS comes once, before the first binding: which addresses may be probed. MARK is sent back as it came: what an
    engine found before it comes before it.
    """

    ADD = 1
    REMOVE = 2
    PROBE_ON = 3
    PROBE_OFF = 4
    ALIVE = 5
    REPORTS = 6
    STATISTICS = 7
    PROBE_RESUME = 8
    TARGETS = 9
    MARK = 10
    EXPECT_UP = 11


HEAD = Struct("<IB")
REPORT = Struct("<IIBBqqqIIIqHH")
VERDICTS = tuple(Verdict)
REASONS = tuple(Reason)
VERDICT_CODES = {verdict: code for code, verdict in enumerate(VERDICTS)}
REASON_CODES = {reason: code for code, reason in enumerate(REASONS)}
MAX_US = 2**32 - 1
MAX_MSS = 2**16 - 1
NO_LOAD = -1
"""In the place of twice the load, plus one where a threshold is reached."""
BINDING_FIELDS = tuple(field.name for field in fields(Binding))


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[tuple[FrameKind, bytes]]:
        """Take bytes in; return the frames that are now complete. Raises ValueError if the other end sent no frame."""
        self._pending += data
        found = []
        start, end = 0, len(self._pending)
        while end - start >= HEAD.size:
            length, kind = HEAD.unpack_from(self._pending, start)
            if length > FRAME_BYTES:
                raise ValueError(f"frame of {length} bytes from an engine's socket: the limit is {FRAME_BYTES}")
            if end - start - HEAD.size < length:
                break
            body = start + HEAD.size
            found.append((FrameKind(kind), bytes(self._pending[body : body + length])))
            start = body + length
        del self._pending[:start]
        return found


def frame(kind: FrameKind, body: bytes) -> bytes:
    """One frame."""
    return HEAD.pack(len(body), kind) + body


def encode_bindings(bindings: Sequence[Binding]) -> bytes:
    """ADD frames, as many as the table update needs."""
    parts: list[list[str]] = []
    room = 0
    for binding in bindings:
        row = json.dumps(_binding_row(binding), separators=(",", ":"))
        if len(row) > room or len(parts[-1]) == BINDINGS_PER_FRAME:
            parts.append([])
            room = PART_BYTES
        parts[-1].append(row)
        room -= len(row)
    return b"".join(frame(FrameKind.ADD, f"[{','.join(part)}]".encode()) for part in parts)


def decode_bindings(body: bytes) -> list[Binding]:
    """The bindings of one ADD frame."""
    return [_binding_of(row) for row in json.loads(body)]


def _binding_row(binding: Binding) -> list[Any]:
    return [dict(binding.parameters) if name == "parameters" else getattr(binding, name) for name in BINDING_FIELDS]


def _binding_of(row: list[Any]) -> Binding:
    settings = dict(zip(BINDING_FIELDS, row, strict=True))
    settings["parameters"] = _tuples(settings["parameters"])
    return Binding(**settings)


def _tuples(parameters: Mapping[str, Any]) -> dict[str, ParameterValue]:
    """JSON has no tuples: lists become tuples again, so that a binding stays equal to itself."""
    return {name: _tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}


def _tuple(values: list[Any]) -> tuple[Any, ...]:
    return tuple(_tuple(value) if isinstance(value, list) else value for value in values)


def encode_targets(policy: TargetPolicy) -> bytes:
    """The TARGETS frame."""
    return frame(FrameKind.TARGETS, policy.text.encode())


def decode_targets(body: bytes) -> TargetPolicy:
    """The policy of such a frame."""
    return parse_policy(body.decode())


def encode_numbers(kind: FrameKind, numbers: Iterable[int]) -> bytes:
    """A frame that names bindings, engines (ALIVE), or a mark."""
    return frame(kind, array("I", numbers).tobytes())


def decode_numbers(body: bytes) -> list[int]:
    """The numbers of such a frame."""
    return array("I", body).tolist()


def encode_reports(reports: Iterable[RunReport]) -> bytes:
    """One REPORTS frame."""
    return frame(FrameKind.REPORTS, b"".join(map(_pack_report, reports)))


def _pack_report(report: RunReport) -> bytes:
    detail = report.detail.encode()
    return (
        REPORT.pack(
            report.number,
            report.run,
            VERDICT_CODES[report.verdict],
            REASON_CODES[report.reason],
            report.first_at_ms,
            report.last_at_ms,
            report.count,
            min(report.response_min_us, MAX_US),
            min(report.response_avg_us, MAX_US),
            min(report.response_max_us, MAX_US),
            NO_LOAD if report.load is None else report.load.load << 1 | report.load.threshold_reached,
            min(report.mss, MAX_MSS),
            len(detail),
        )
        + detail
    )


def decode_reports(body: bytes) -> list[RunReport]:
    """The reports of a REPORTS frame, in order, sequence 0: the pool stamps them."""
    reports = []
    place, end = 0, len(body)
    while place < end:
        number, run, verdict, reason, first, last, count, low, average, high, coded, mss, length = REPORT.unpack_from(
            body, place
        )
        place += REPORT.size + length
        detail = body[place - length : place].decode()
        load = None if coded == NO_LOAD else MeasuredLoad(coded >> 1, bool(coded & 1))
        times = (first, last, count, low, average, high)
        reports.append(RunReport(number, 0, run, VERDICTS[verdict], REASONS[reason], detail, *times, load, mss))
    return reports


def encode_statistics(statistics: EngineStatistics) -> bytes:
    """One STATISTICS frame."""
    return frame(FrameKind.STATISTICS, json.dumps(statistics.as_row()).encode())


def decode_statistics(body: bytes) -> EngineStatistics:
    """What an engine says of itself."""
    return EngineStatistics(*json.loads(body))
