"""Short ways to say what the fold's unit tests need."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import ProbeRun, Reason, Verdict
from schemas.states import ServiceState, ServiceTransition
from streams.folding.events import BindingConfig, Sender, ServiceConfig, Source
from streams.folding.facts import Fact, Publish, Refusal, Refuse, Transition
from streams.folding.service import ServiceFold

WEB, HTTP, TCP = EntityId("5-0"), EntityId("6-0"), EntityId("6-1")
B0, B1 = NodeId("b0"), NodeId("b1")
SOURCE = Source("probe-results", 9, 77)
CONFIG_SOURCE = Source("config-entities", 0, 5)

HTTP_BOUND = BindingConfig(HTTP, monitor_name="http-web")
CONFIG = ServiceConfig(WEB, "web", "10.0.0.1", 80, bindings=(HTTP_BOUND,))


def sender(view: int = 3, node: NodeId = B0, incarnation: str = "first") -> Sender:
    return Sender(node, f"{node}-{incarnation}", ViewId(view), SOURCE)


def probed(
    sequence: int,
    verdict: Verdict = Verdict.UP,
    run: int = 1,
    count: int = 1,
    at_ms: int = 1_000,
    response_us: int = 300,
    monitor: EntityId = HTTP,
    service: EntityId = WEB,
    detail: str = "",
) -> ProbeRun:
    reason = {Verdict.DOWN: Reason.BAD_STATUS, Verdict.INCONCLUSIVE: Reason.LOCAL_ERROR}.get(verdict, Reason.OK)
    times = (response_us, response_us, response_us)
    return ProbeRun(service, monitor, sequence, run, verdict, reason, detail, at_ms, at_ms, count, *times)


def new_fold(config: ServiceConfig = CONFIG, record: ServiceState | None = None) -> ServiceFold:
    fold = ServiceFold(config.entity_id, record)
    assert fold.configured(config, CONFIG_SOURCE, 0) == ()
    return fold


def up_fold() -> ServiceFold:
    """A service that is UP under view 3 of b0, told at 1 s."""
    fold = new_fold()
    fold.reported(sender(), B0, [probed(1)], 1_000)
    return fold


def states(facts: Sequence[Fact]) -> list[ServiceState]:
    return [fact.state for fact in facts if isinstance(fact, Publish)]


def transitions(facts: Sequence[Fact]) -> list[ServiceTransition]:
    return [fact.transition for fact in facts if isinstance(fact, Transition)]


def refusals(facts: Sequence[Fact]) -> list[Refusal]:
    return [fact.reason for fact in facts if isinstance(fact, Refuse)]
