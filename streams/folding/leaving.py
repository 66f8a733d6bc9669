"""Step 7f: how a disabled service leaves (M-20): at once, or GOING_OUT_OF_SERVICE first.

Rule: only one that serves somebody takes its time. With a delay it is out of service when that is over, graceful or
not; graceful without a delay, when it is disabled once more without either: who its last user is, only the load
balancer knows. A delay begins when the fold hears of it, and goes on under another fold, because its end is in the
record. It is not probed meanwhile, as no disabled service is.
"""

from __future__ import annotations

from schemas.states import BindingVerdict, ServiceState, State
from streams.folding.events import ServiceConfig
from streams.folding.weights import SERVING


def leave_until(
    before: ServiceConfig | None, config: ServiceConfig, record: ServiceState | None, due_at_ms: int | None, now_ms: int
) -> int | None:
    """When a disabled service is out of service; None: it has no delay, or is out already.

    `before` is its configuration before this one, None under a new fold; `due_at_ms` the end of a delay that runs.
    """
    if record is None or record.state not in SERVING or not config.leave_ms:
        return None
    same = before is None or (not before.enabled and before.leave_ms == config.leave_ms)
    if same and due_at_ms is not None and record.state is State.GOING_OUT_OF_SERVICE:
        return due_at_ms
    return now_ms + config.leave_ms


def left(config: ServiceConfig, record: ServiceState | None, due_at_ms: int | None) -> tuple[State, int]:
    """(state, weight UP) of a disabled service."""
    takes_time = due_at_ms is not None or (config.graceful and not config.leave_ms)
    if takes_time and record is not None and record.state in SERVING:
        return State.GOING_OUT_OF_SERVICE, record.up_weight
    return State.OUT_OF_SERVICE, 0


def was_out(record: ServiceState, before: ServiceConfig | None = None) -> bool:
    """Whether the record is of a disabled service. `before` is the configuration that it was made under, if known.

    Else: if a target leaves by itself, a binding says so, and there is no end of a delay; or a doubt keeps that state,
    which no service that is disabled has.
    """
    if before is not None:
        return not before.enabled
    if record.doubt is not None:
        return False
    if record.state is not State.GOING_OUT_OF_SERVICE:
        return record.state is State.OUT_OF_SERVICE
    return record.due_at_ms is not None or all(
        binding.state is not BindingVerdict.MAINTENANCE for binding in record.bindings
    )
