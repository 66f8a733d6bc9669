"""Which kind of run a binding has: what is told of it between two summaries, besides its verdicts.

Rule: a table asked once for each binding, in the order in which it stands. Why classes and not branches in `RunLength`:
others are 50,000 probes a second, and have neither a load nor anybody who waits for their response time.
"""

from __future__ import annotations

from connectors.engine.binding import Binding
from connectors.engine.load_run import KIND as LOAD
from connectors.engine.load_run import LoadRun
from connectors.engine.response_run import ResponseRun
from connectors.engine.runs import RunLength


def run_of(binding: Binding, spread: int) -> RunLength:
    """The run of a binding's first probe."""
    made = LoadRun if binding.kind == LOAD else ResponseRun if binding.tells_response else RunLength
    return made(binding.number, binding.window, spread, binding.up_window)
