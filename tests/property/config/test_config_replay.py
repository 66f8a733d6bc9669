"""For any log of commands: folding at once, by steps, with repeats or from the topic gives the same entities."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.config import ConfigCommand, ConfigEntity, Kind, Operation, Verb
from schemas.inventory.entities import Change, Entities, Removed, entity_key
from schemas.inventory.services import affected, services
from streams.folding.config.fold import ConfigFold, fold_log

NAMES = st.sampled_from(["a", "b", "c", "g/10.0.0.1:80", "g/10.0.0.2:80", "g"])
KINDS = st.sampled_from(list(Kind))
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["TCP", "HTTP"]),
        "interval": st.sampled_from(["5s", "9s", "soon"]),
        "address": st.just("10.0.0.1"),
        "port": st.integers(0, 90),
        "threshold": st.integers(0, 9) | st.none(),
        "weight": st.integers(0, 100),
    },
)
OPERATIONS = st.builds(
    Operation, st.sampled_from(list(Verb)), KINDS, NAMES, SETTINGS, st.none() | KINDS, st.none() | NAMES, NAMES
)
GOOD = (
    Operation(Verb.ADD, Kind.SERVICE, "a", {"address": "10.0.0.1", "port": 80}),
    Operation(Verb.ADD, Kind.MONITOR, "a", {"type": "TCP", "lrtm": True}),
    Operation(Verb.ADD, Kind.SERVICE_GROUP, "g", {}),
    Operation(Verb.ADD, Kind.MEMBER, "g/10.0.0.1:80", {}),
    Operation(Verb.ADD, Kind.VSERVER, "a", {}),
    Operation(Verb.SET, Kind.VSERVER, "a", {"method": "LRTM"}),
    Operation(Verb.SET, Kind.VSERVER, "a", {"method": None}),
    Operation(Verb.ADD, Kind.NODE_GROUP, "a", {}),
    Operation(Verb.BIND, Kind.SERVICE, "a", {"weight": 5}, Kind.MONITOR, "a"),
    Operation(Verb.BIND, Kind.SERVICE_GROUP, "g", {}, Kind.MONITOR, "a"),
    Operation(Verb.BIND, Kind.VSERVER, "a", {}, Kind.SERVICE, "a"),
    Operation(Verb.UNBIND, Kind.VSERVER, "a", {}, Kind.SERVICE, "a"),
    Operation(Verb.BIND, Kind.VSERVER, "a", {}, Kind.SERVICE_GROUP, "g"),
    Operation(Verb.RENAME, Kind.SERVICE_GROUP, "g", {}, None, None, "b"),
    Operation(Verb.RENAME, Kind.SERVICE_GROUP, "b", {}, None, None, "g"),
    Operation(Verb.RM, Kind.SERVICE_GROUP, "g", {}),
    Operation(Verb.RM, Kind.SERVICE, "a", {}),
)
COMMANDS = st.lists(
    st.builds(
        ConfigCommand,
        st.integers(0, 30).map(str),
        st.just(0),
        st.just("test"),
        st.lists(st.sampled_from(GOOD) | OPERATIONS, min_size=1, max_size=4).map(tuple),
    ),
    max_size=25,
)


def stepped(commands: list[ConfigCommand]) -> tuple[ConfigFold, list[tuple[Change, ...]]]:
    fold = ConfigFold()
    return fold, [fold.take(command, offset)[1] for offset, command in enumerate(commands)]


@given(COMMANDS)
@settings(max_examples=300, deadline=None)
def test_the_topic_and_the_log_give_the_same_entities(commands: list[ConfigCommand]) -> None:
    fold, steps = stepped(commands)
    assert fold_log(enumerate(commands)).entities == fold.entities
    topic: dict[str, ConfigEntity] = {}
    for change in (change for step in steps for change in step):
        if isinstance(change, Removed):
            topic.pop(entity_key(change.kind, change.entity_id))
        else:
            topic[entity_key(change.kind, change.entity_id)] = change
    compacted = Entities().updated(topic.values())
    assert compacted == fold.entities
    assert compacted.by_name == fold.entities.by_name
    assert compacted.referrers == fold.entities.referrers


@given(COMMANDS, st.lists(st.integers(0, 24), max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_repeated_command_changes_nothing(commands: list[ConfigCommand], repeats: list[int]) -> None:
    log = list(enumerate(commands))
    with_repeats = [*log, *(log[index] for index in repeats if index < len(log))]
    assert fold_log(with_repeats).entities == fold_log(log).entities


@given(COMMANDS)
@settings(max_examples=200, deadline=None)
def test_references_names_and_services_hold_together_after_any_command(commands: list[ConfigCommand]) -> None:
    fold = ConfigFold()
    shown = {}
    for offset, command in enumerate(commands):
        before = fold.entities
        result, changes = fold.take(command, offset)
        assert bool(result.rejections) is not result.accepted
        assert result.accepted or fold.entities is before
        for entity in fold.entities.by_id.values():
            assert fold.entities.find(entity.kind, entity.name) == entity
            assert all(bound.entity_id in fold.entities.by_id for bound in entity.bindings)
        reached = affected(fold.entities, changes, before)
        now = {one.entity_id: one for one in services(fold.entities)}
        assert {key: one for key, one in now.items() if shown.get(key) != one}.keys() <= reached
        shown = now
