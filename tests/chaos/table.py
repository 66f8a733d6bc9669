"""The table of faults: one row each, what happens and what must hold of it."""

from __future__ import annotations

from tests.chaos.faults import bad_records, comings, cuts, ends, kafka_away, sleeps, slow, storms
from tests.chaos.runner import Fault, Needs
from tests.chaos.tally import p99
from tests.chaos.world import Plan

FAULTS: tuple[Fault, ...] = (
    Fault(
        "F1",
        "kill -9 of an owner, of the leader, of the leader while a node leaves",
        "no service without an owner for longer than 2.5 s",
        ends.kill,
        figures={"probe_gap_max_s": max, "detection_p99_s": p99},
    ),
    Fault(
        "F2",
        "SIGTERM",
        "no interval missed; handover within 0.5 s",
        ends.leave,
        figures={"probe_gap_max_s": max, "detection_p99_s": p99},
    ),
    Fault(
        "F3",
        "SIGSTOP past the session, at any instant and between the lease's check and the send; then SIGCONT",
        "no stale record counts; each is buried",
        sleeps.sleep,
        plan=Plan(launches=sleeps.launches),
        figures={"stale_landed": sum, "detection_p99_s": p99},
    ),
    Fault(
        "F4",
        "poison on every topic: each kind three times in a row, and 1,000 records at once",
        "the process stays; quarantined = injected; neighbours are folded",
        bad_records.poisoned,
        plan=Plan(services=12),
        figures={"injected": sum, "detection_p99_s": p99},
    ),
    Fault(
        "F5",
        "a node cut off from Kafka: 5 s, 30 s, one direction, 30 % of the packets",
        "the old owner's last record is before its successor's first; nothing old is published afterwards",
        cuts.from_kafka,
        figures={"margin_min_s": min, "view_changes_max": max, "detection_p99_s": p99},
        needs=Needs.NETWORK,
    ),
    Fault(
        "F6",
        "a node cut off from its targets, Kafka within reach",
        "it doubts itself; no service goes DOWN",
        cuts.from_targets,
        needs=Needs.NETWORK,
    ),
    Fault(
        "F7",
        "Kafka restarted in order, killed, or away for a minute",
        "states stay and age; no partition is stuck 30 s after the return",
        kafka_away.away,
        plan=Plan(services=72),
        needs=Needs.KAFKA,
    ),
    Fault(
        "F8",
        "every topic written again behind itself, doubled and out of order; a state behind its tombstone",
        "no difference in state, configuration or view",
        bad_records.replayed,
        plan=Plan(services=12),
        figures={"written_again": sum},
    ),
    Fault(
        "F9",
        "a join or a leave every 2 s for a minute; then all nodes started anew, one after the other",
        "probing goes on; view changes counted",
        comings.churn,
        figures={"joins_and_leaves": sum, "view_changes_max": max, "detection_p99_s": p99},
    ),
    Fault(
        "F10",
        "Kafka and all nodes start at once, with very many services, while the states are compacted",
        "ready, no hang",
        kafka_away.cold_start,
        plan=Plan(services=12),
        figures={"services": max, "all_told_max_s": max},
        needs=Needs.KAFKA,
    ),
    Fault(
        "F11",
        "a node at a tenth of its processor time for a minute; a loop blocked for 3 s",
        "no false DOWN; at most 2 views a minute",
        slow.starved,
        plan=Plan(launches=slow.launches),
        figures={"probes": sum, "views_per_minute_max": max, "detection_p99_s": p99},
    ),
    Fault(
        "F12",
        "every target ill at once; then half of them flapping each second",
        "bytes and processor time at most 1.2 times those of idleness, when all are down",
        storms.all_at_once,
        plan=Plan(services=120),
        figures={
            "all_told_max_s": max,
            "detection_p99_s": p99,
            "down_bytes_max": max,
            "down_cpu_max": max,
            "flap_bytes_max": max,
            "flap_cpu_max": max,
        },
        needs=Needs.KAFKA,
    ),
    Fault(
        "F13",
        "the wall clock of a node an hour ahead or behind, and back",
        "nothing changes",
        slow.clock,
        plan=Plan(launches=slow.launches_with_clocks, wrong_clocks=True),
        figures={"detection_p99_s": p99},
    ),
    Fault(
        "F15",
        "a node id twice, a second set of nodes, a topic made anew",
        "the second refuses, and says why",
        comings.twins,
        plan=Plan(services=12),
    ),
)

BY_NAME = {fault.name: fault for fault in FAULTS}
