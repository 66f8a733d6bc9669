"""From any configuration to any file: doing the difference is accepted, and leaves no difference."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from connectors.config.difference import difference
from connectors.config.document import read_document
from schemas.config import ConfigCommand
from streams.folding.config.fold import ConfigFold

MONITORS = st.sampled_from(["m1", "m2"])
WEIGHTS = st.fixed_dictionaries(
    {}, optional={"weight": st.integers(1, 100), "state": st.sampled_from(["ENABLED", "DISABLED"])}
)
BOUND = st.dictionaries(MONITORS, WEIGHTS)
MONITOR = st.fixed_dictionaries({"type": st.just("TCP")}, optional={"retries": st.integers(1, 9)})
SERVICE = st.fixed_dictionaries(
    {"address": st.sampled_from(["10.0.0.1", "::1"]), "port": st.integers(1, 9)},
    optional={"threshold": st.integers(0, 9), "monitors": BOUND, "state": st.sampled_from(["ENABLED", "DISABLED"])},
)
MEMBER = st.builds(lambda port: {"address": "10.0.0.1", "port": port}, st.integers(1, 3))
GROUP = st.fixed_dictionaries(
    {"members": st.lists(MEMBER, unique_by=lambda member: member["port"])}, optional={"monitors": BOUND}
)
FILES = st.fixed_dictionaries(
    {
        "monitors": st.fixed_dictionaries({"m1": MONITOR, "m2": MONITOR}),
        "services": st.dictionaries(st.sampled_from(["s1", "s2", "s3"]), SERVICE),
        "service_groups": st.dictionaries(st.sampled_from(["g1", "g2"]), GROUP),
    }
)


@given(st.lists(FILES, min_size=1, max_size=3))
def test_after_pruning_nothing_differs_and_after_applying_nothing_more(files: list[object]) -> None:
    fold = ConfigFold()
    for offset, wanted in enumerate(files):
        document = read_document(json.dumps(wanted))
        assert document.faults == []
        prune = offset == len(files) - 1
        found = difference(document, fold.entities, prune)
        if found.steps:
            result, _ = fold.take(ConfigCommand(str(offset), 0, "test", found.operations), offset)
            assert result.accepted, result.rejections
        assert difference(document, fold.entities, prune).steps == []
    assert len(fold.entities.by_id) == len(document.wanted)
