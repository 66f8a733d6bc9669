"""The first half of the chain: probes, retries, weights against the threshold, and the layers above them.

Rule: every word comes from the functions that decide in production, asked once more about the record's own values;
nothing is decided here a second way. A binding that counts for nothing is shown, and said to count for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.inventory.services import MonitorBinding
from schemas.probes import Reason
from schemas.states import BindingState, BindingVerdict, ServiceState, State
from streams.answers.chain import Link, Step
from streams.answers.evidence import Evidence, grounds
from streams.answers.history import Told
from streams.answers.placed import Where
from streams.folding.binding import BindingFold
from streams.folding.history import failures
from streams.folding.settling import LAYERS, asked

OUTCOMES_SHOWN = 20
NOT_JUDGED = "no run of it was judged yet"


def probe_links(evidence: Evidence, told: Told, record: ServiceState) -> Iterator[Link]:
    """What the engines of the owner said last, a line a monitor."""
    held = {one.monitor_id: one for one in record.bindings}
    for bound in evidence.service.bindings:
        known = held.get(bound.monitor_id)
        if known is None:
            yield Link(Step.PROBES, f"{bound.monitor_name}: never probed", told.where, _bound(bound))
        else:
            yield _probe_link(evidence, told, record, bound, known)


def _probe_link(
    evidence: Evidence, told: Told, record: ServiceState, bound: MonitorBinding, held: BindingState
) -> Link:
    found = evidence.newest_run(held, record)
    if found is None:
        text, where = f"{said(held.verdict.value, held.reason, held.detail)}, {held.count} alike", told.where
        values = {"verdict": held.verdict.value, "count": held.count, "last_at_ms": held.last_at_ms}
        reason, detail = held.reason, held.detail
    else:
        run, batch = found
        text = f"{said(run.verdict.value, run.reason, run.detail)}, {run.count} alike by {batch.record.node_id}"
        where, reason, detail = batch.where, run.reason, run.detail
        values = {
            "verdict": run.verdict.value,
            "count": run.count,
            "first_at_ms": run.first_at_ms,
            "last_at_ms": run.last_at_ms,
            "run": run.run,
            "sequence": run.sequence,
            "response_us": run.response_avg_us,
            "node_id": batch.record.node_id,
            "incarnation": batch.record.incarnation,
            "view_id": batch.record.view_id,
        }
    return Link(
        Step.PROBES,
        f"{bound.monitor_name}: {text}",
        where,
        {**_bound(bound), **values, "reason": reason.value, "detail": detail},
    )


def _bound(bound: MonitorBinding) -> dict[str, object]:
    return {
        "monitor_id": bound.monitor_id,
        "monitor_name": bound.monitor_name,
        "type": bound.type,
        "weight": bound.weight,
        "counts": bound.counts,
        "shadow": bound.shadow,
    }


def said(verdict: str, reason: Reason, detail: str) -> str:
    """Such as `DOWN, REFUSED: connect to 10.0.0.3:80: refused`."""
    if reason is Reason.OK:
        return f"{verdict}, {detail}" if detail else verdict
    return f"{verdict}, {reason.value}" + (f": {detail}" if detail else "")


def retry_links(evidence: Evidence, told: Told, record: ServiceState) -> Iterator[Link]:
    """What the retries make of the last outcomes, a line a monitor, with the rule."""
    fold, _ = grounds(evidence.service, record)
    for bound in evidence.service.bindings:
        binding = fold.bindings.get(bound.monitor_id)
        if binding is None:
            continue
        where = evidence.config.command_of(bound.monitor_id)
        judged_where = told.where if binding.state is not BindingVerdict.UNKNOWN else where
        yield Link(
            Step.RETRIES,
            f"{bound.monitor_name}: {binding.state.value}{_counts_text(bound)}; {outcomes_of(binding)}",
            judged_where,
            {
                **_bound(bound),
                "state": binding.state.value,
                "outcomes": _outcomes(binding),
                "retries": binding.config.retries,
                "failure_retries": binding.config.failure_retries,
                "success_retries": binding.config.success_retries,
                "configured_by": str(where),
            },
        )


def _counts_text(bound: MonitorBinding) -> str:
    if bound.counts:
        return ""
    return " (a shadow, does not count)" if bound.shadow else " (does not count)"


def outcomes_of(binding: BindingFold) -> str:
    """Such as `...xxx 3 of the last 3 failed (DOWN at 3 of 3, UP after 1)`."""
    if not binding.held:
        return NOT_JUDGED
    rule = binding.rule
    failed, of = failures(rule, binding.outcomes, binding.held)
    limits = f"DOWN at {rule.failures_needed} of {rule.retries}, UP after {rule.success_retries}"
    return f"{_outcomes(binding)[-OUTCOMES_SHOWN:]} {failed} of the last {of} failed ({limits})"


def _outcomes(binding: BindingFold) -> str:
    return "".join("x" if binding.outcomes >> age & 1 else "." for age in reversed(range(binding.held)))


def weight_link(evidence: Evidence, record: ServiceState) -> Link:
    """What the judged bindings ask for, or the disable that stands before them."""
    fold, config = grounds(evidence.service, record)
    state, up_weight = asked(fold)
    counting = [one for one in fold.bindings.values() if one.config.counts]
    up = sum(one.state in (BindingVerdict.UP, BindingVerdict.MAINTENANCE) for one in counting)
    where = evidence.config.command_of(record.entity_id)
    values: dict[str, object] = {
        "asked": state.value,
        "up_weight": up_weight,
        "threshold": config.threshold,
        "counting": len(counting),
        "up": up,
        "enabled": config.enabled,
    }
    if not config.enabled:
        return Link(Step.CONFIGURATION, f"{state.value}: it is disabled", where, values)
    if not config.monitored:
        return Link(Step.CONFIGURATION, f"{state.value}: health_monitor is off, it counts as UP", where, values)
    if not counting:
        return Link(Step.WEIGHTS, f"{state.value}: no monitor counts", where, values)
    if config.threshold:
        text = f"{state.value}: weight {up_weight} is UP, the threshold is {config.threshold}"
    else:
        text = f"{state.value}: {up} of {len(counting)} monitors UP, threshold 0 asks for all"
    return Link(Step.WEIGHTS, text, where, values)


def layer_links(evidence: Evidence, told: Told, record: ServiceState) -> Iterator[Link]:
    """What every layer makes of the state so far; those that change nothing are one line together."""
    fold, _ = grounds(evidence.service, record)
    state, _ = asked(fold)
    idle: list[str] = []
    for layer in LAYERS:
        after = layer(fold, state)
        name = getattr(layer, "__name__", "layer")
        if after is state:
            idle.append(name.replace("_", " "))
        else:
            yield _changing(name, getattr(layer, "__doc__", "") or "", state, after, told.where, record)
        state = after
    if idle:
        yield Link(Step.LAYERS, f"nothing overrules it ({', '.join(idle)})", told.where, {"idle": idle})


def _changing(name: str, rule: str, before: State, after: State, where: Where, record: ServiceState) -> Link:
    text = f"{before.value} becomes {after.value}: {rule.strip().splitlines()[0] if rule else name}"
    values = {"layer": name, "before": before.value, "after": after.value, "due_at_ms": record.due_at_ms}
    return Link(Step.LAYERS, text, where, values)
