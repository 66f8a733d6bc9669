"""Imports for tests: a text through a dialect, held to what `apply` accepts, and the notices as a person reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from connectors.config.difference import difference
from connectors.config.document import Wanted, read_document
from connectors.config.export import export_text
from connectors.config.imports import DIALECTS
from schemas.config import ConfigCommand, Kind, Setting
from schemas.inventory.entities import Entities
from streams.folding.config.fold import ConfigFold

FILES = Path(__file__).parent / "files"
SAMPLES = {"haproxy": "haproxy.cfg", "netscaler": "ns.conf", "consul-esm": "consul.json"}


@dataclass(frozen=True)
class Imported:
    """What came of a text."""

    text: str
    notices: list[str]
    lines: set[int]
    """Of the notices."""
    wanted: dict[tuple[Kind, str], Wanted]

    def monitor(self, name: str) -> dict[str, Setting]:
        """The settings of a monitor, in the form that records keep."""
        return dict(self.wanted[(Kind.MONITOR, name)].settings)

    def service(self, name: str) -> dict[str, Setting]:
        """The settings of a service."""
        return dict(self.wanted[(Kind.SERVICE, name)].settings)

    def bound(self, name: str, kind: Kind = Kind.SERVICE) -> dict[str, tuple[int, bool | None, bool]]:
        """What is bound to an entity: weight, state, shadow."""
        return {one.name: (one.weight, one.enabled, one.shadow) for one in self.wanted[(kind, name)].bindings}

    def told(self, text: str) -> bool:
        """Whether a notice has this text."""
        return any(text in notice for notice in self.notices)


def imported(dialect: str, text: str) -> Imported:
    """The import of a text. Fails the test if `apply` would not take what came out."""
    draft = DIALECTS[dialect](text)
    made = export_text(draft.entities())
    document = read_document(made)
    assert document.faults == [], f"{document.faults}\n{made}"
    operations = difference(document, Entities()).operations
    if operations:
        result, _ = ConfigFold().take(ConfigCommand("import", 0, "test", operations), 0)
        assert result.accepted, f"{result.rejections}\n{made}"
    notices = [f"{one.where}: {one.loss.value}: {one.what}: {one.mend}" for one in draft.notices.all]
    return Imported(made, notices, draft.notices.lines, document.wanted)


def sample(dialect: str) -> str:
    """The dialect's file as operators have it."""
    return (FILES / SAMPLES[dialect]).read_text(encoding="utf-8")
