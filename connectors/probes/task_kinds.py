"""The kinds that run as tasks in the node's process (Wire.TASK): the other half of the table in `kinds.py`.

Rule: as there, what cannot be probed is a value. Apart from `kinds.py`, because engines read that one: they need
neither asyncio nor a DNS library, and an engine that is started again must be there at once. A new kind of this sort is
one file, one row here, its name in `kinds.TASK_NAMES`, and one test file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from connectors.engine.binding import Binding
from connectors.probes.contract import Task, TaskKind
from connectors.probes.dns import DNS
from connectors.probes.ftp import FTP
from connectors.probes.kinds import TASK_NAMES, broken, unknown_parameter
from connectors.probes.outcome import Outcome, inconclusive
from connectors.probes.policy import refusal
from connectors.probes.source import unfit_source
from connectors.probes.user import user_kind
from schemas.probes import Reason


def task_kinds(scripts: Path | None) -> Mapping[str, TaskKind]:
    """The table, for a node with this folder of scripts; None: it runs none."""
    kinds = {kind.name: kind for kind in (DNS, FTP, user_kind(scripts))}
    assert tuple(kinds) == TASK_NAMES, "the names that engines know and the table of task kinds differ"
    return kinds


def prepare(kinds: Mapping[str, TaskKind], binding: Binding) -> Task | Outcome:
    """The task of a binding of one of these kinds, or the outcome that all its probes have."""
    kind = kinds[binding.kind]
    refused = refusal(binding.ip)
    if refused is not None:
        return inconclusive(Reason.NO_PERMISSION, refused)
    fault = unfit_source(binding) or unknown_parameter(kind, binding)
    if fault is not None:
        return fault
    try:
        return kind.prepare(binding)
    except UnicodeError as error:
        return inconclusive(Reason.LOCAL_ERROR, broken(kind.name, error))
    except ValueError as error:
        return inconclusive(Reason.LOCAL_ERROR, str(error))
    except Exception as error:
        return inconclusive(Reason.LOCAL_ERROR, broken(kind.name, error))
