"""The bytes between a node and its engines."""

from __future__ import annotations

import pytest

from connectors.engine import frames
from connectors.engine.frames import FrameKind, FrameReader
from connectors.engine.runs import RunReport
from connectors.engine.statistics import EngineStatistics
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding


def parts(data: bytes) -> list[tuple[FrameKind, bytes]]:
    return list(FrameReader().feed(data))


def test_bindings_come_back_equal() -> None:
    rows = [
        binding(number, kind="HTTP", response_codes=((200, 204),), custom_headers=("A: b",)) for number in range(1201)
    ]
    sent = parts(frames.encode_bindings(rows))
    assert [kind for kind, _ in sent] == [FrameKind.ADD] * 3
    assert [row for _, body in sent for row in frames.decode_bindings(body)] == rows


def test_bindings_with_long_settings_do_not_make_a_frame_that_is_too_long() -> None:
    rows = [binding(number, kind="HTTP", custom_headers=("A: " + "ü" * 1000,) * 32) for number in range(500)]
    sent = parts(frames.encode_bindings(rows))
    assert max(len(body) for _, body in sent) < 2 * frames.PART_BYTES
    assert [row for _, body in sent for row in frames.decode_bindings(body)] == rows


def test_reports_come_back_equal() -> None:
    times = (1_700_000_000_000, 1_700_000_060_000, 9, 1, 2, 3)
    rows = [
        RunReport(number, 0, 5, verdict, reason, f"été {reason.value}", *times, mss=number * 700)
        for number, (verdict, reason) in enumerate((verdict, reason) for verdict in Verdict for reason in Reason)
    ]
    [(kind, body)] = parts(frames.encode_reports(rows))
    assert kind is FrameKind.REPORTS
    assert frames.decode_reports(body) == rows


def test_a_response_time_beyond_an_hour_is_capped_not_a_crash() -> None:
    row = RunReport(1, 0, 1, Verdict.UP, Reason.OK, "", 0, 0, 1, 2**40, 2**40, 2**40)
    [(_, body)] = parts(frames.encode_reports([row]))
    assert frames.decode_reports(body)[0].response_max_us == 2**32 - 1


def test_M2_a_run_of_fifty_days_of_probes_each_millisecond_is_no_crash() -> None:
    row = RunReport(1, 0, 1, Verdict.UP, Reason.OK, "", 0, 0, 2**32, 1, 1, 1)
    [(_, body)] = parts(frames.encode_reports([row]))
    assert frames.decode_reports(body) == [row]


def test_numbers_and_statistics_come_back_equal() -> None:
    [(kind, body)] = parts(frames.encode_numbers(FrameKind.REMOVE, [1, 70_000, 2**32 - 1]))
    assert (kind, frames.decode_numbers(body)) == (FrameKind.REMOVE, [1, 70_000, 2**32 - 1])
    statistics = EngineStatistics(*range(11))
    [(_, body)] = parts(frames.encode_statistics(statistics))
    assert frames.decode_statistics(body) == statistics


def test_frames_are_cut_out_of_any_pieces() -> None:
    data = frames.encode_numbers(FrameKind.REMOVE, [1]) + frames.encode_numbers(FrameKind.ALIVE, [0, 1])
    reader = FrameReader()
    found = [found for place in range(len(data)) for found in reader.feed(data[place : place + 1])]
    assert found == parts(data)
    assert len(found) == 2


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff\x01", b"\x00\x00\x00\x00\xee"])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"frame|FrameKind"):
        parts(data)
