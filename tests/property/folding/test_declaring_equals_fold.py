"""A claim told from the bytes of the last record is the record that the fold would tell, or is left to the fold."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from schemas.codec import STATE_SCHEMA, decode, encode
from schemas.encoding import string
from schemas.identifiers import NodeId, ViewId
from schemas.probes import ProbeRun
from schemas.spans import spans_of
from schemas.states import BindingVerdict, PathMonitoring, ServiceState, State
from streams.folding.declaring import declaration, is_plain, shown_by
from streams.folding.events import Sender, ServiceConfig, Source
from streams.folding.facts import Publish
from streams.folding.service import ServiceFold
from tests.property.folding.worlds import VERDICTS, Engine, Timed, configured, published, run, worlds
from tests.unit.folding.builders import B0, CONFIG, new_fold, probed
from tests.unit.folding.builders import sender as sender_of

B2 = NodeId("b2")
NEXT = Sender(B2, "b2#9", ViewId(9), Source("probe-results", 9, 70))
NOW_MS = 9_000_000


def told_by_fold(config: ServiceConfig, held: bytes, sender: Sender, now_ms: int = NOW_MS) -> list[bytes]:
    """What a fold that is made from the record tells of its configuration, of the time, and of the claim."""
    fold = ServiceFold(config.entity_id, decode(ServiceState, held))
    facts = [*fold.configured(config, Source("config-entities", 0, 1), now_ms), *fold.due(now_ms)]
    facts += fold.claimed(sender, sender.node_id, now_ms)
    assert all(isinstance(fact, Publish) for fact in facts if published([fact]))
    return [encode(fact.state) for fact in published(facts)]


def told_shortly(config: ServiceConfig, held: bytes, sender: Sender, now_ms: int = NOW_MS) -> bytes | None:
    return declaration(sender, now_ms).of(held, shown_by(config)) if is_plain(config) else None


@given(worlds(), st.sampled_from([NEXT, replace(NEXT, view_id=ViewId(2)), replace(NEXT, incarnation="b0#1")]))
def test_V4_what_is_told_without_a_fold_is_what_the_fold_tells(
    world: tuple[ServiceConfig, list[Timed]], sender: Sender
) -> None:
    config, timed = world
    records = published(run(configured(config), timed))
    for fact in records:
        held = encode(fact.state)
        shortly = told_shortly(config, held, sender)
        event("told without a fold" if shortly is not None else "left to the fold")
        if shortly is not None:
            assert told_by_fold(config, held, sender) == [shortly]
            assert declaration(sender, NOW_MS).of(held, None) == shortly, "known to say what it should"


@given(worlds())
def test_V4_every_plain_record_is_told_without_a_fold(world: tuple[ServiceConfig, list[Timed]]) -> None:
    config, timed = world
    for fact in published(run(configured(config), timed)):
        state = fact.state
        judged = state.state in (State.UP, State.DOWN)
        if judged and not config.flap_changes and state.doubt is None:
            assert told_shortly(config, encode(state), NEXT) is not None


@st.composite
def reports_of_next(draw: st.DrawFn, config: ServiceConfig) -> list[ProbeRun]:
    """What the next owner finds: runs of its own, from its first probe on."""
    engine = Engine(NEXT.node_id, NEXT.incarnation)
    monitors = st.sampled_from([binding.monitor_id for binding in config.bindings])
    probes = draw(st.lists(st.tuples(monitors, st.sampled_from(VERDICTS), st.integers(1, 3)), max_size=8))
    return [engine.probe(monitor, verdict, times, NOW_MS, 300) for monitor, verdict, times in probes]


@given(worlds(), st.data())
def test_V4_a_fold_of_which_all_is_told_may_be_made_anew(
    world: tuple[ServiceConfig, list[Timed]], data: st.DataObject
) -> None:
    """Whatever the next owner reports, one made from the record judges it as the one that was there."""
    config, timed = world
    fold = configured(config)
    for each in timed:
        fold.apply(each.event, each.now_ms)
        if fold.record is None or not fold.is_told() or fold.record.view_id >= NEXT.view_id:
            continue
        anew = ServiceFold(config.entity_id, decode(ServiceState, encode(fold.record)))
        anew.configured(config, Source("config-entities", 0, 1), NOW_MS)
        runs = data.draw(reports_of_next(config))
        told = [judged_by(one, runs) for one in (fold.copy(), anew)]
        event("judged anew" if len(told[0]) > 1 else "nothing follows")
        assert told[0] == told[1]


def judged_by(fold: ServiceFold, runs: list[ProbeRun]) -> list[tuple[State, int, list[BindingVerdict]]]:
    """What is told of a claim and of these reports, as far as it is judged."""
    facts = list(fold.claimed(NEXT, NEXT.node_id, NOW_MS))
    for number, report in enumerate(runs):
        facts += fold.reported(NEXT, NEXT.node_id, [report], NOW_MS + number)
    return [(one.state.state, one.state.up_weight, [b.state for b in one.state.bindings]) for one in published(facts)]


def up(config: ServiceConfig = CONFIG, run: ProbeRun | None = None) -> bytes:
    fold = new_fold(config)
    fold.reported(sender_of(), B0, [run or probed(1)], 1_000)
    assert fold.record is not None
    return encode(fold.record)


def test_V4_what_may_be_news_is_left_to_the_fold() -> None:
    held = up()
    assert told_shortly(CONFIG, held, NEXT) is not None
    others: dict[str, ServiceConfig] = {
        "disabled": replace(CONFIG, enabled=False),
        "not monitored": replace(CONFIG, monitored=False),
        "damped": replace(CONFIG, flap_changes=1),
        "by name": replace(CONFIG, domain="web.example", ip_address=""),
        "with paths": replace(CONFIG, path_monitoring=PathMonitoring.INDIVIDUAL),
        "renamed": replace(CONFIG, name="shop"),
        "moved": replace(CONFIG, ip_address="10.0.0.2"),
        "another port": replace(CONFIG, port=81),
        "another threshold": replace(CONFIG, threshold=5),
        "unbound": replace(CONFIG, bindings=()),
        "a shadow now": replace(CONFIG, bindings=(replace(CONFIG.bindings[0], counts=False),)),
    }
    assert [why for why, config in others.items() if told_shortly(config, held, NEXT) is not None] == []


def test_V4_who_may_not_claim_is_left_to_the_fold() -> None:
    held = up()
    for sender in (replace(NEXT, view_id=ViewId(3)), replace(NEXT, view_id=ViewId(2)), sender_of(view=9)):
        assert told_shortly(CONFIG, held, sender) is None, "the same view, an older one, the same incarnation"


def test_V4_bytes_that_are_no_state_of_today_are_left_to_the_fold() -> None:
    held = up()
    shown = shown_by(CONFIG)
    for length in range(len(held)):
        assert declaration(NEXT, NOW_MS).of(held[:length], shown) is None
    assert declaration(NEXT, NOW_MS).of(held + b"\0", shown) is None
    assert declaration(NEXT, NOW_MS).of(b"\xc3\x01" + bytes(8) + held[10:], shown) is None


def test_V4_bindings_in_two_blocks_are_left_to_the_fold() -> None:
    """As Avro allows, and as we never write them."""
    held, shown = up(), shown_by(CONFIG)
    one = held.index(b"\x02" + string(CONFIG.bindings[0].monitor_id))
    end = _spans_end(held, one)
    twice = held[:end] + held[one:end] + held[end:]
    assert len(decode(ServiceState, twice).bindings) == 2
    assert declaration(NEXT, NOW_MS).of(twice, shown) is None


def _spans_end(held: bytes, block: int) -> int:
    """Where the only binding of a record ends, whose block begins at `block`."""
    (binding,) = [field["type"]["items"] for field in STATE_SCHEMA["fields"] if field["name"] == "bindings"]
    return spans_of(binding)(held, block + 1)[-1]
