"""What a back-test or an incident needs, gathered from the log: one service's probes, configurations and states.

Rule: the service is the one that has the name at the end of the window. The replay begins a little before the window,
so that outcomes that count at its beginning are there; outages that ended before it are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.cluster import ViewChange
from schemas.config import ConfigCommand, Rejection, Setting
from schemas.identifiers import EntityId, NodeId, ViewId, partition_of
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitoredService
from schemas.probes import ProbeResults
from schemas.states import ServiceState
from schemas.topics import CONFIG_COMMANDS, PROBE_RESULTS, SERVICE_STATES, SERVICE_TRANSITIONS, VIEWS
from streams.answers.backtest import Backtest, Configured, Outage, backtest, outages_in
from streams.answers.config_then import ConfigThen, config_then, lives
from streams.answers.history import History, histories
from streams.answers.placed import Placed, Where, readable
from streams.answers.probes_then import OwnerIn, probes_of
from streams.answers.trial import Refused, overrides, trial
from streams.answers.views_then import ViewsThen, elected, lead_for, views_then
from streams.cli.apply import TRIAL_OFFSET
from streams.cli.gather import refuse_unknown
from streams.cli.library import Library
from streams.folding.configured import service_config

TOPICS_READ = (CONFIG_COMMANDS, PROBE_RESULTS, SERVICE_STATES, SERVICE_TRANSITIONS, VIEWS)
LEAD_MS = 120_000
"""Every binding reports once a minute: so long before the window its outcomes are known at its beginning."""


def replayed(
    library: Library, name: str, settings: Mapping[str, Setting], monitor: str | None, from_ms: int, to_ms: int
) -> tuple[Backtest, int | None, int]:
    """The back-test; since when probes are in the log (None: there are none); how long a DOWN one is not probed."""
    common = library.read(library.whole(CONFIG_COMMANDS), library.whole(VIEWS))
    commands = list(readable(common[CONFIG_COMMANDS.name], ConfigCommand))
    views = views_then(readable(common[VIEWS.name], ViewChange))
    service, config = found_service(library, commands, name, to_ms)
    partition = partition_of(service.entity_id)
    results = library.until(library.since(library.whole(PROBE_RESULTS, [partition]), from_ms - LEAD_MS), to_ms)
    told = library.whole(SERVICE_STATES, [partition]), library.whole(SERVICE_TRANSITIONS, [partition])
    read = library.read(results, *told)
    history = histories(read[SERVICE_STATES.name], read[SERVICE_TRANSITIONS.name]).get(service.entity_id, History())
    batches = list(readable(read[PROBE_RESULTS.name], ProbeResults))
    probes = probes_of(batches, service.entity_id, owner_in(service, views, config))
    reach_ms = min((one.where.at_ms for one in batches), default=None)
    begin_ms = max(from_ms - LEAD_MS, reach_ms or 0)
    pauses = down_times_ms(service)
    found = backtest(
        [probe for probe in probes if probe.at_ms <= to_ms],
        configured(lives(commands, service.entity_id, to_ms), settings, monitor, begin_ms),
        _record(history, begin_ms),
        told_outages(history, max(from_ms, begin_ms), to_ms),
        pauses,
        from_ms,
    )
    return found, reach_ms, max(pauses.values(), default=0)


def found_service(
    library: Library, commands: Sequence[Placed[ConfigCommand]], name: str, at_ms: int
) -> tuple[MonitoredService, ConfigThen]:
    """The service of a name at an instant, and the configuration then. Ends the verb with 1 if there is none."""
    config = config_then(commands, library.topic(CONFIG_COMMANDS), at_ms)
    entity = config.find(name)
    service = config.service(entity.entity_id) if entity else None
    if service is None:
        refuse_unknown(config, name)
    return service, config


def owner_in(service: MonitoredService, views: ViewsThen, config: ConfigThen) -> OwnerIn:
    """Who owned the service in a view, by its node groups of the end of the window."""
    lead = lead_for(service, config.entities)

    def owner(view_id: ViewId) -> NodeId | None:
        view = views.by_id(view_id)
        return None if view is None else elected(service, view, lead)

    return owner


def configured(
    past: Sequence[tuple[Where, Entities, MonitoredService | None]],
    settings: Mapping[str, Setting],
    monitor: str | None,
    begin_ms: int,
) -> list[Configured]:
    """The configurations in force from `begin_ms` on, as they were and as asked. Raises Refused.

    While a service had no monitor it was as it was; one that had none in all that time has nothing to be tried.
    """
    since = [one for one in past if one[0].at_ms > begin_ms]
    first = [one for one in past if one[0].at_ms <= begin_ms][-1:]
    found, reached = [], False
    for where, entities, service in (*first, *since):
        operations = overrides(entities, service, settings, monitor) if service is not None else []
        asked = service
        if service is not None and operations:
            reached = True
            tried = trial(entities, operations, TRIAL_OFFSET)
            asked = ConfigThen(tried.after, where, where.topic).service(service.entity_id)
        was, other = (service_config(one) if one is not None else None for one in (service, asked))
        found.append(Configured(max(where.at_ms, begin_ms), was, other))
    if not reached:
        which = "no monitor" if monitor is None else f"no monitor {monitor}"
        raise Refused(
            [Rejection(0, 0, f"{which} was bound to it in that time: `watchbill show service NAME` has those")]
        )
    return found


def _record(history: History, at_ms: int) -> ServiceState | None:
    told = history.at(at_ms).told
    return told.record if told else None


def told_outages(history: History, from_ms: int, to_ms: int) -> list[Outage]:
    """The outages that were told and began in the window."""
    changes = [(one.changed_at_ms, one.state) for one in history.told]
    return [one for one in outages_in(changes) if from_ms <= one.from_ms <= to_ms]


def down_times_ms(service: MonitoredService) -> dict[EntityId, int]:
    """By monitor how long it is not probed after a DOWN, where that is longer than its interval."""
    found = {}
    for bound in service.bindings:
        pause, interval = bound.settings.get("down_time_ms"), bound.settings.get("interval_ms")
        if isinstance(pause, int) and isinstance(interval, int) and pause > interval > 0 and bound.counts:
            found[bound.monitor_id] = pause
    return found
