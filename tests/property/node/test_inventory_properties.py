"""An inventory kept by commands equals one that is built at once from all that is configured.

Only the numbers differ; what they name does not, each number names one binding, and what was said to be added and
removed is what there is.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

from hypothesis import given, settings

from connectors.engine.binding import Binding
from schemas.config import ConfigCommand
from streams.folding.config.fold import ConfigFold
from streams.node.inventory import Inventory
from tests.property.config.test_config_replay import COMMANDS


def without_numbers(inventory: Inventory) -> list[Binding]:
    bindings = [replace(numbered.binding, number=0) for numbered in inventory.numbered.values()]
    return sorted(bindings, key=attrgetter("service_id", "monitor_id"))


@given(COMMANDS)
@settings(max_examples=200, deadline=None)
def test_step_by_step_and_at_once_give_the_same(commands: list[ConfigCommand]) -> None:
    fold, stepped = ConfigFold(), Inventory()
    engines: set[int] = set()
    used: set[int] = set()
    for offset, command in enumerate(commands):
        _, changes = fold.take(command, offset)
        change = stepped.apply(changes)
        added = {binding.number for binding in change.added}
        assert set(change.removed) <= engines
        assert not added & used
        engines = (engines - set(change.removed)) | added
        used |= added
    at_once = Inventory()
    at_once.apply(fold.entities.by_id.values())
    assert stepped.services == at_once.services
    assert stepped.placeables == at_once.placeables
    assert without_numbers(stepped) == without_numbers(at_once)
    assert engines == set(stepped.numbered) == set(stepped.numbers_of(stepped.services))
    for service in stepped.services:
        assert stepped.config_of(service) == at_once.config_of(service)
