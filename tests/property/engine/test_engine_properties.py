"""Properties of the pure parts of an engine: what reports tell, when probes are due, how frames are cut."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from connectors.engine.due_times import DueTimes
from connectors.engine.frames import FrameKind, FrameReader, frame
from connectors.engine.icmp import V4, checksum, parse, request
from connectors.engine.runs import SUMMARY_MS, RunLength, RunReport
from connectors.engine.schedule import due_after_ms, first_due_ms, phase_ms
from connectors.probes.outcome import DETAIL_BYTES, UP, down, inconclusive, printable
from schemas.probes import Reason

OUTCOMES = [
    UP,
    down(Reason.REFUSED, "a"),
    down(Reason.REFUSED, "b"),
    down(Reason.TIMEOUT_CONNECT, "c"),
    inconclusive(Reason.LOCAL_ERROR, "d"),
]
histories = st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(1, SUMMARY_MS)), min_size=1, max_size=60)


def rebuilt(reports: list[RunReport]) -> list[tuple[object, object]]:
    """The sequence of verdicts that the reports alone give: the last report of each run says how long it was."""
    last = {report.run: report for report in reports}
    return [(r.verdict, r.reason) for _, r in sorted(last.items()) for _ in range(r.count)]


@given(histories, st.integers(1, 10), st.integers(0, 2**64 - 1))
def test_reports_alone_give_the_exact_verdicts_back(history: list, window: int, spread: int) -> None:
    run, at_ms, reports, seen = RunLength(1, window, spread), 0, [], []
    for outcome, pause_ms in history:
        at_ms += pause_ms
        seen.append((outcome.verdict, outcome.reason))
        said = run.observe(outcome, 5, at_ms)
        if said:
            reports += said
            assert rebuilt(reports) == seen
    runs = [len(list(group)) for _, group in groupby(seen)]
    assert [report.run for report in reports] == sorted(report.run for report in reports)
    assert max(report.run for report in reports) == len(runs)


@given(histories, st.integers(1, 10))
def test_each_of_the_first_probes_of_a_run_is_told_at_once(history: list, window: int) -> None:
    run, at_ms, length, former = RunLength(1, window, 0), 0, 0, None
    for outcome, pause_ms in history:
        at_ms += pause_ms
        length = length + 1 if former == (outcome.verdict, outcome.reason) else 1
        former = (outcome.verdict, outcome.reason)
        said = run.observe(outcome, 5, at_ms)
        if length <= window:
            assert said
            assert said[-1].count == length
            assert said[-1].last_at_ms == at_ms


@given(st.integers(1, 10**9), st.integers(0, 2**64 - 1), st.integers(0, 10**12), st.lists(st.integers(0, 10**7)))
def test_M2_due_times_stay_on_one_grid(interval_ms: int, spread: int, now_ms: int, late: list[int]) -> None:
    phase = phase_ms(interval_ms, spread)
    assert 0 <= phase < interval_ms
    due_ms = first_due_ms(now_ms, interval_ms, spread)
    assert now_ms <= due_ms < now_ms + min(interval_ms, 1000)
    for late_ms in late:
        started_ms = due_ms + late_ms
        due_ms = due_after_ms(started_ms, interval_ms, phase)
        assert due_ms % interval_ms == phase
        assert interval_ms / 2 <= due_ms - started_ms <= interval_ms * 3 / 2 + 1


@given(st.lists(st.tuples(st.integers(0, 50), st.integers())))
def test_due_times_lose_nothing_and_keep_order(items: list[tuple[int, int]]) -> None:
    due: DueTimes[int] = DueTimes()
    for instant, item in items:
        due.put(instant, item)
    out = []
    while taken := due.take(50):
        out += [(taken[0], item) for item in taken[1]]
    assert out == sorted(items, key=lambda pair: pair[0])
    assert due.next_ms() is None


@given(st.lists(st.tuples(st.sampled_from(FrameKind), st.binary(max_size=40))), st.data())
def test_frames_survive_any_cut(sent: list[tuple[FrameKind, bytes]], data: st.DataObject) -> None:
    stream = b"".join(frame(kind, body) for kind, body in sent)
    reader, got = FrameReader(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        got += list(reader.feed(stream[:size]))
        stream = stream[size:]
    assert got == sent


@given(st.binary(max_size=60), st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 2**64 - 1))
def test_an_icmp_request_checks_and_its_reply_matches(payload: bytes, ident: int, sequence: int, token: int) -> None:
    sent = request(V4, ident, sequence, token, payload)
    assert checksum(sent) == 0
    answer = parse(V4, bytes([V4.reply]) + sent[1:])
    assert answer is not None
    assert (answer.identifier, answer.sequence, answer.token, answer.payload) == (ident, sequence, token, payload)
    assert parse(V4, sent) is None


@given(st.binary(max_size=80))
def test_any_packet_is_parsed_or_nothing(packet: bytes) -> None:
    parse(V4, packet)


@given(st.text())
def test_details_are_always_printable_and_short(text: str) -> None:
    detail = printable(text)
    assert detail.isprintable()
    assert len(detail.encode()) <= DETAIL_BYTES
