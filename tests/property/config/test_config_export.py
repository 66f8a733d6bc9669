"""What is exported reads back to exactly the same: onto itself nothing differs, from nothing the same comes to be."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.config.difference import difference
from connectors.config.document import read_document
from connectors.config.export import export_text
from schemas.config import ConfigCommand
from schemas.inventory.entities import Entities
from streams.folding.config.fold import ConfigFold

COMMENTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20
) | st.sampled_from(["null", "~", "yes", "- a", "a: b", "#", "{x}", "[", "'", '"', "1e3", "!!str x", "a #b", "\u2028"])
STATES = st.sampled_from(["ENABLED", "DISABLED"])
BOUND = st.dictionaries(
    st.sampled_from(["tcp", "http"]),
    st.fixed_dictionaries({}, optional={"weight": st.integers(1, 100), "state": STATES, "shadow": st.booleans()}),
)
SERVICE = st.fixed_dictionaries(
    {"address": st.sampled_from(["10.0.0.1", "2001:db8::1", "shop.test"]), "port": st.integers(1, 65_535)},
    optional={
        "threshold": st.integers(0, 9),
        "monitors": BOUND,
        "state": STATES,
        "comment": COMMENTS,
        "node_groups": st.just(["edge"]),
    },
)
MEMBER = st.builds(
    lambda address, state: {"address": address, "port": 80, "state": state},
    st.sampled_from(["10.0.0.1", "10.0.0.2", "::1"]),
    STATES,
)
FILES = st.fixed_dictionaries(
    {
        "node_groups": st.just({"edge": {}}),
        "monitors": st.fixed_dictionaries(
            {
                "tcp": st.fixed_dictionaries({"type": st.just("TCP")}, optional={"interval": st.sampled_from(["9s"])}),
                "http": st.fixed_dictionaries(
                    {"type": st.just("HTTP-ECV"), "recv": COMMENTS.filter(lambda text: "\\" not in text)},
                    optional={
                        "custom_headers": st.just(["Host: a.test", "X-One: {1}, [2]"]),
                        "response_codes": st.just("200-299,301"),
                    },
                ),
            }
        ),
        "services": st.dictionaries(st.sampled_from(["s-1", "null", "s.3", "7"]), SERVICE),
        "service_groups": st.dictionaries(
            st.sampled_from(["g1", "g2"]),
            st.fixed_dictionaries(
                {"members": st.lists(MEMBER, unique_by=lambda member: member["address"])}, optional={"monitors": BOUND}
            ),
        ),
        "vservers": st.dictionaries(
            st.sampled_from(["v1"]), st.fixed_dictionaries({}, optional={"method": st.just("LRTM")})
        ),
    }
)


def needing(wanted: Any) -> Any:
    """The same, and every service needs the one before it; the group needs the first."""
    names = sorted(wanted["services"])
    for before, name in pairwise(names):
        wanted["services"][name]["depends_on"] = [before]
    for group in wanted["service_groups"].values():
        group["depends_on"] = names[:1]
    return wanted


def applied(text: str) -> ConfigFold:
    fold = ConfigFold()
    document = read_document(text)
    assert document.faults == [], (document.faults, text)
    steps = difference(document, fold.entities).operations
    result, _ = fold.take(ConfigCommand("1", 0, "test", steps), 0)
    assert result.accepted, result.rejections
    return fold


def shape(entities: Entities) -> Any:
    """The entities without their ids, which a new cluster gives anew."""
    return {
        (one.kind, one.name): (
            dict(one.settings),
            one.enabled,
            {(b.kind, entities.by_id[b.entity_id].name, b.weight, b.enabled, b.shadow) for b in one.bindings},
        )
        for one in entities.by_id.values()
    }


@given(FILES.map(needing))
def test_what_is_exported_reads_back_to_the_same(wanted: Any) -> None:
    before = applied(json.dumps(wanted))
    text = export_text(before.entities)
    again = read_document(text)
    assert again.faults == []
    assert difference(again, before.entities, prune=True).steps == []
    assert shape(applied(text).entities) == shape(before.entities)
    assert export_text(applied(text).entities) == text
