"""Why a service is as it is, in one line: what tables, boards and web pages show beside its state.

Rule: of a service that is DOWN or UNKNOWN the failing probe speaks, for it names the mend; of any other, what made the
record. Pure, and beside the records, because the command line and the web views both say it and must say the same.
"""

from __future__ import annotations

from schemas.probes import Verdict
from schemas.states import BindingState, ServiceState, State

FAILING = (State.DOWN, State.UNKNOWN)


def reason_text(state: ServiceState) -> str:
    """Why the service is as it is: the failing probe of one that is DOWN or unknown, else what made the record."""
    failing = next((one for one in state.bindings if one.counts and one.verdict is Verdict.DOWN), None)
    return state.cause.text if failing is None or state.state not in FAILING else failure_text(failing)


def failure_text(binding: BindingState) -> str:
    """What the last probe of a binding said, its reason first: `REFUSED: connect to 10.0.0.3:80 ...`."""
    return f"{binding.reason.value}: {binding.detail}" if binding.detail else binding.reason.value
