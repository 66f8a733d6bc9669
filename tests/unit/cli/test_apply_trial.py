"""`apply` tries a command on what is there before it sends it: the trial must not touch what is there."""

from __future__ import annotations

from connectors.config.difference import difference
from connectors.config.document import read_document
from schemas.config import ConfigCommand
from schemas.identifiers import entity_id
from streams.cli.apply import TRIAL_OFFSET
from streams.folding.config.fold import ConfigFold, apply
from streams.folding.config.handled import Handled
from tests.unit.config.config_words import take


def test_a_trial_gives_new_entities_ids_that_no_entity_has() -> None:
    fold = ConfigFold()
    take(fold, "add monitor tcp type=TCP")
    assert fold.entities.get(entity_id(0, 0)) is not None
    document = read_document("services:\n  web: {address: web.test, port: 80, monitors: [tcp]}\n")
    found = difference(document, fold.entities)
    after, result, _ = apply(
        fold.entities, ConfigCommand("trial", 0, "test", found.operations), TRIAL_OFFSET, Handled()
    )
    assert result.accepted, result.rejections
    assert len(after.by_id) == 2
