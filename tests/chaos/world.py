"""What a fault happens to: nodes, services whose targets' truth is known, a reader outside, and the checks at the end.

Rule: every run begins with all nodes serving and every service UP, and ends with the same checks, whatever the fault:
all that is to serve serves, states are what the targets are, a break is still noticed, the log keeps the promise, and
no DOWN was false or missed. A limit in seconds is multiplied by `patience`, for machines that do other things too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from infra.cluster.nodes import Launch
from schemas.codec import decode
from schemas.config import Setting
from schemas.identifiers import EntityId, NodeId
from schemas.states import ServiceTransition, State
from schemas.topics import PROBE_RESULTS, SERVICE_STATES, SERVICE_TRANSITIONS, VIEWS
from streams.audit.findings import Breach, Fault, StateRecord
from streams.audit.promise import Audit, foreign_results
from streams.audit.truth import judge
from tests.bench.rig import Seen
from tests.chaos.kafka import Kafka
from tests.chaos.links import TARGET_HOSTS, Links
from tests.chaos.tally import Tally
from tests.chaos.weather import Weather, wall_ms
from tests.integration.cluster import NODE_IDS, Cluster, add_monitor, prepared, read_topic, readable, state_records
from tests.integration.targets import Target
from tests.waiting import wait_until

FAILOVER_S = 2.5
"""The longest that a service may be without an owner, at a session time-out of 1.5 s."""
DETECTION_S = 2.0
"""A target that has fallen ill is told of within this, when nothing else happens: three failures at 250 ms, a fold."""
SLACK_S = 1.0
"""So long after a target is well again, a probe may still be told of that met it ill."""
SETTLED_S = 60.0
ADMIN_S = 60.0
STORY_RECORDS = 4
TOLD = 6
PATIENT: Mapping[str, Setting] = {"interval": "250ms", "response_timeout": "240ms", "retries": 3, "down_time": "250ms"}
"""The targets live in this process: a monitor in more of a hurry would tell of it, not of the targets."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a world stands: which Kafka; and that it is ours to stop, and the links ours to cut, where that is so."""

    bootstrap: str
    own_kafka: Kafka | None = None
    own_links: Links | None = None

    @property
    def kafka(self) -> Kafka:
        """The Kafka that may be stopped."""
        assert self.own_kafka is not None, "the fault's row does not say that it needs a Kafka of its own"
        return self.own_kafka

    @property
    def links(self) -> Links:
        """The links that may be cut."""
        assert self.own_links is not None, "the fault's row does not say that it needs a network of its own"
        return self.own_links


@dataclass(frozen=True, slots=True)
class Plan:
    """What a fault wants to happen to."""

    services: int = 36
    node_ids: tuple[str, ...] = NODE_IDS
    monitor: Mapping[str, Setting] = field(default_factory=lambda: PATIENT)
    launches: Callable[[Path], Mapping[str, Launch]] = lambda _: {}
    """How nodes are started, given a folder of this world alone."""
    wrong_clocks: bool = False
    """Whether the instants that nodes tell are to be believed; if not, the broker's clock is."""


@dataclass(slots=True)
class World:
    """Made by `world`."""

    site: Site
    cluster: Cluster
    plan: Plan
    folder: Path
    random: Random
    patience: float
    weather: Weather
    seen: Seen
    since_ms: int = field(default_factory=wall_ms)
    forged: set[tuple[int, int]] = field(default_factory=set)
    """Records of `service-states` that the fault itself wrote, or had written: (partition, offset)."""
    quick: bool = False
    """Shorter faults: for a look, not for figures."""
    services: int | None = None
    """How many a fault with very many has."""
    noise: list[Target] = field(default_factory=list)
    """Targets of services that nobody judges."""
    grace_s: float = 0.0
    """So much longer a turn of a target may go untold in this run: Kafka was away, or hard to reach."""

    @property
    def names(self) -> list[str]:
        """The services."""
        return list(self.cluster.targets)

    @property
    def limit_s(self) -> float:
        """How long an illness may go untold while owners change."""
        return (FAILOVER_S + DETECTION_S) * self.patience

    def begin(self) -> None:
        """As every run finds it: just the nodes of the plan serve, owners are settled, every service is UP."""
        for node_id, node in list(self.cluster.nodes.running.items()):
            if node_id not in self.plan.node_ids:
                node.stop()
                del self.cluster.nodes.running[node_id]
        for node_id in self.plan.node_ids:
            if node_id not in self.cluster.nodes.running or not self.cluster.node(node_id).is_alive:
                self.cluster.nodes.start(node_id)
        self.settled()
        self.cluster.wait_states(self.names, State.UP, SETTLED_S)
        self.since_ms, self.grace_s = wall_ms(), 0.0
        self.weather.begin()

    def settled(self) -> None:
        """Wait until all nodes that run serve in one view, and each state names the owner that it gives."""
        self.cluster.wait_serving()
        wait_until(
            lambda: self.cluster.owners(self.names) == self.cluster.expected_owners(self.names),
            SETTLED_S,
            "every owner has told itself",
        )

    def owned_by(self, *node_ids: str) -> list[str]:
        """The services whose states name one of these nodes as owner."""
        return [name for name, owner in self.cluster.owners(self.names).items() if owner in node_ids]

    def proposer(self) -> str:
        """Who proposed the view in force: the group's leader at that time."""
        held = self.cluster.view().view_id  # first: a later one may come in between
        return dict(self.cluster.control.views())[held].proposer

    def told_after(self, names: Iterable[str], view_id: int) -> dict[str, float] | None:
        """When a reader outside first had each service's state of a newer view; None while one is not there."""
        ids = self.cluster.ids(names)
        last = self.seen.last
        if any(last[key][1] <= view_id for key in ids.values()):
            return None
        return {name: last[key][0] for name, key in ids.items()}

    def states(self) -> list[StateRecord]:
        """All of `service-states`, by the broker's clock."""
        return list(state_records(self.cluster.records(SERVICE_STATES)))

    def all_repaired(self) -> bool:
        """Whether the reader outside knows of no service whose last record in the log is a stale one."""
        return not self.cluster.states.unrepaired()

    def history(self, since_ms: int = 0) -> list[ServiceTransition]:
        """The lines that stand in the log since then."""
        found = readable(self.cluster.records(SERVICE_TRANSITIONS), ServiceTransition)
        lines = [(decode(ServiceTransition, one.value()), one.timestamp()[1]) for one in found]
        if self.plan.wrong_clocks:
            lines = [(replace(line, at_ms=at_ms), at_ms) for line, at_ms in lines]
        return [line for line, at_ms in lines if at_ms >= since_ms]

    def view_changes(self) -> int:
        """Views proposed since the run began."""
        records = read_topic(self.cluster.bootstrap, self.cluster.topic(VIEWS), VIEWS.partitions)
        return sum(record.timestamp()[1] >= self.since_ms for record in records)

    def end(self, tally: Tally) -> None:
        """The checks behind every fault."""
        self.settled()
        self.cluster.wait_states(self.names, State.UP, SETTLED_S)
        name = self.random.choice(self.names)
        self.weather.ill(name)
        self.cluster.wait_state(name, State.DOWN, SETTLED_S)
        self.weather.well(name)
        self.cluster.wait_state(name, State.UP, SETTLED_S)
        self.check_truth(tally)
        self.wait_repaired()
        self.check_log(tally)

    def check_truth(self, tally: Tally) -> None:
        """No false DOWN, no DOWN or UP that was told too late."""
        ids = self.cluster.ids(self.names)
        truth = {ids[name]: turns for name, turns in self.weather.turns().items() if name in ids}
        bound_ms, slack_ms = int((self.limit_s + self.grace_s) * 1000), int(SLACK_S * self.patience * 1000)
        judged = judge(truth, self.history(), bound_ms, slack_ms, wall_ms())
        for breach in judged.breaches:
            tally.require(False, f"{breach.fault.name}: {breach.text}\n{self.told_of(breach.entity_id)}")
        for found in judged.detections:
            if not found.turn.well and found.took_ms is not None:
                tally.note("detection_p99_s", found.took_ms / 1000)

    def check_log(self, tally: Tally) -> Audit:
        """The promise, on the whole log."""
        records = self.states()  # first: what the audit finds may be compacted away behind it
        audited = self.cluster.audit()
        for breach in audited.breaches:
            if breach.fault is Fault.SEQUENCE_WENT_BACK and is_repeated(breach, records):
                tally.note("repeated", 1)
            elif not self.is_forged(breach, records):
                tally.require(False, f"{breach.fault.name}: {breach.text}\n{self.story_of(breach)}")
        mine = [one for one in audited.ineffective if (one.partition, one.offset) not in self.forged]
        tally.require(not mine, f"{len(mine)} records that do not count were written: {mine[:1]}")
        own = [batch for batch in self.cluster.probe_results() if not batch.opinion]
        foreign = foreign_results(audited.reigns, own)
        tally.require(not foreign, f"reports by nodes that were not the owner in the view they name: {foreign[:3]}")
        return audited

    def wait_repaired(self) -> None:
        """Wait until no service's last record is a stale one."""
        try:
            wait_until(self.all_repaired, SETTLED_S, "the last record of every service is the greatest again")
        except AssertionError as late:
            stale = self.cluster.states.unrepaired()
            raise AssertionError(f"{late}; {stale}\n{self.told_of(stale[0].entity_id) if stale else ''}") from None

    def told_of(self, entity_id: EntityId) -> str:
        """What the targets did, and the last records of the service of both kinds, one a line, newest first."""
        found = readable(self.cluster.records(SERVICE_TRANSITIONS), ServiceTransition)
        lines = [(one.timestamp()[1], decode(ServiceTransition, one.value())) for one in found]
        mine = [record for record in self.states() if record.entity_id == entity_id]
        told = [(at_ms, f"line {line}") for at_ms, line in lines if line.entity_id == entity_id][-TOLD:]
        told += [(record.at_ms, f"state {record.offset} {shown(record)}") for record in mine][-3 * TOLD :]
        ids = self.cluster.ids(self.names)
        turns = next(each for name, each in self.weather.turns().items() if ids.get(name) == entity_id)
        told += [(turn.at_ms, f"target {'well' if turn.well else 'ill'}") for turn in turns]
        return "\n".join(f"    {at_ms}: {text}" for at_ms, text in sorted(told, reverse=True))

    def is_forged(self, breach: Breach, records: Iterable[StateRecord]) -> bool:
        """Whether a record that the fault had written is the breach, or the other half of this fork."""
        place = (breach.partition, breach.offset)
        if place in self.forged or breach.fault is not Fault.FORKED:
            return place in self.forged
        told = {(one.partition, one.offset): one.state for one in records if one.entity_id == breach.entity_id}
        orders = {at: (state.view_id, state.sequence) for at, state in told.items() if state is not None}
        return any(orders[at] == orders.get(place) for at in self.forged & orders.keys())

    def story_of(self, breach: Breach) -> str:
        """The records of its service around a breach, one a line."""
        mine = [record for record in self.states() if record.entity_id == breach.entity_id]
        near = [record for record in mine if abs(record.offset - breach.offset) < STORY_RECORDS]
        return "\n".join(
            f"    {record.partition}/{record.offset} at {record.at_ms}: {shown(record)}" for record in near
        )

    def gaps_s(self, names: Iterable[str], since_s: float) -> dict[str, float]:
        """The longest time from then until now that each of these went without a probe."""
        now_s = time.monotonic()
        return {name: self.cluster.targets[name].longest_gap_s(since_s, now_s) for name in names}

    def node_of(self, node_ids: Sequence[str]) -> str:
        """One of these nodes, as the seed says."""
        return self.random.choice(sorted(node_ids))


def is_repeated(breach: Breach, records: Iterable[StateRecord]) -> bool:
    """Whether the very same record stands further up: a producer that lost an answer sent all of a request again, in
    its order, so that what was last is last again.
    """
    states = {
        record.offset: record.state
        for record in records
        if record.entity_id == breach.entity_id and record.offset <= breach.offset
    }
    last = states.pop(breach.offset, None)
    return last is not None and last in states.values()


def shown(record: StateRecord) -> str:
    """A record in one line: what may differ between two that should be one."""
    state = record.state
    if state is None:
        return "tombstone"
    run = [(one.sequence, one.run, one.count, one.verdict.value, one.last_at_ms) for one in state.bindings]
    where = f"{state.cause.partition}/{state.cause.offset}"
    head = f"view {state.view_id} sequence {state.sequence} {state.owner} {state.state.value} at {state.updated_at_ms}"
    return f"{head}, {state.cause.text} ({where}), runs {run}"


@contextmanager
def world(site: Site, name: str, folder: Path, plan: Plan, seed: str, patience: float = 1.0) -> Iterator[World]:
    """A cluster that a fault may happen to. Everything is ended when the block is left."""
    random = Random(seed)
    with ExitStack() as stack:
        hosts = TARGET_HOSTS if site.own_links else ()
        cluster = stack.enter_context(prepared(site.bootstrap, name, folder / "logs", hosts))
        by_the_brokers_clock(cluster)
        cluster.nodes.launches.update(launches(site, plan, folder))
        seen = Seen(cluster.states)
        cluster.states.on_applied(seen.take)
        cluster.start(*plan.node_ids)
        retries = round(int(plan.monitor["retries"]) * patience)  # a busy machine starves the targets, too
        cluster.apply(add_monitor("http", "HTTP", **{**plan.monitor, "retries": retries}))
        cluster.add_services([f"svc{number:02d}" for number in range(plan.services)], "http")
        hold_s = (FAILOVER_S + DETECTION_S) * patience * 1.25
        weather = Weather(cluster.targets, Random(f"{seed}/weather"), hold_s)
        made = World(site, cluster, plan, folder, random, patience, weather, seen)
        cluster.wait_states(made.names, State.UP, SETTLED_S)
        yield made


def launches(site: Site, plan: Plan, folder: Path) -> dict[NodeId, Launch]:
    """How nodes are started: as the plan says, and each on its own host where there is a network."""
    found = {NodeId(node_id): launch for node_id, launch in plan.launches(folder).items()}
    if site.own_links is not None:
        network = site.own_links.network
        for node_id in plan.node_ids:
            launch = found.get(NodeId(node_id), Launch())
            found[NodeId(node_id)] = replace(launch, prefix=network.prefix(node_id))
    return found


def by_the_brokers_clock(cluster: Cluster) -> None:
    """Records of these topics bear the time at which they stood in the log, not the one at which they were sent."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    entry = ConfigEntry("message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET)
    changes = [
        ConfigResource(ResourceType.TOPIC, cluster.topic(topic), incremental_configs=[entry])
        for topic in (SERVICE_STATES, SERVICE_TRANSITIONS, VIEWS, PROBE_RESULTS)
    ]
    for future in admin.incremental_alter_configs(changes, request_timeout=ADMIN_S).values():
        future.result(ADMIN_S)
