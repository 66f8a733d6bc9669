"""What an explanation is drawn from: one service's records, as far as they were told by an instant.

Rule: whoever gathers the records says which instant they are of, and gathers no more than one service needs; nothing
here asks for more. An instant of now and one of last week are the same question over other records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.identifiers import EntityId, NodeId
from schemas.inventory.services import MonitoredService
from schemas.probes import PathReport, PathState, ProbeResults, ProbeRun
from schemas.states import BindingState, ServiceState
from streams.answers.config_then import ConfigThen
from streams.answers.history import History, Then, Told
from streams.answers.nodes_then import Beats
from streams.answers.placed import Placed
from streams.answers.views_then import ViewsThen, elected
from streams.folding.binding import new_bindings
from streams.folding.configured import service_config
from streams.folding.events import ServiceConfig
from streams.folding.service import ServiceFold
from streams.ownership.owner import Lead


@dataclass(frozen=True, slots=True)
class Evidence:
    """`batches` are of the service's partition, the latest last, none told after `at_ms`. `configured_at` is the offset
    of the service's entity in `config-entities`, where that was read.
    """

    at_ms: int
    config: ConfigThen
    service: MonitoredService
    views: ViewsThen
    history: History
    batches: Sequence[Placed[ProbeResults]]
    beats: Beats
    configured_at: int | None = None
    lead: Lead | None = None
    """Of a DRTM service (`lead_for`)."""
    reports: Mapping[NodeId, Placed[PathReport]] = field(default_factory=dict)
    """The last report of each node's path to the service (P-9), told by then."""
    needed: Mapping[EntityId, Told] = field(default_factory=dict)
    """What was told last of every service that this one depends on, directly or not."""

    def path_of(self, node: NodeId) -> PathState:
        """A node's path to the service."""
        placed = self.reports.get(node)
        return placed.record.path_state if placed else PathState.UNKNOWN

    @property
    def owner(self) -> NodeId | None:
        """Who is to monitor the service in the view of then."""
        return elected(self.service, self.views.at(self.at_ms)[0], self.lead)

    @property
    def then(self) -> Then:
        """What held."""
        return self.history.at(self.at_ms)

    def newest_run(self, held: BindingState, record: ServiceState) -> tuple[ProbeRun, Placed[ProbeResults]] | None:
        """The newest report of a binding by the record's owner that is in the batches."""
        for batch in reversed(self.batches):
            if batch.record.incarnation == record.incarnation:
                for run in reversed(batch.record.runs):
                    if run.service_id == record.entity_id and run.monitor_id == held.monitor_id:
                        return run, batch
        return None


def grounds(service: MonitoredService, record: ServiceState) -> tuple[ServiceFold, ServiceConfig]:
    """A fold that stands where the record was made, under the service's configuration, with nothing judged anew."""
    config = service_config(service)
    fold = ServiceFold(record.entity_id, record)
    fold.config = config
    fold.bindings = new_bindings(config.bindings, {}, {held.monitor_id: held for held in record.bindings})
    return fold, config
