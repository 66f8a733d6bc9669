"""Step 8 of the flow: what a node or a consumer knows of the cluster, read from Kafka and kept in memory.

Belongs here: the sorted map of service states (the heart of the SDK), the bitmap of paths, and the small logs beside
them: configuration, nodes, views. Never here: a decision about a state, Faust, or a consumer group. When Kafka is away
everything stays as it was last told, with its age.
"""

from connectors.replica.base import NotReady
from connectors.replica.config_table import EntityChange, entity_key
from connectors.replica.control import ControlReplica
from connectors.replica.path_table import PathChange
from connectors.replica.paths import PathReplica
from connectors.replica.reach import Reach
from connectors.replica.snapshot import Snapshot
from connectors.replica.state_map import StaleRecord
from connectors.replica.states import Change, StateReplica
from connectors.replica.vservers import VserverReader

__all__ = [
    "Change",
    "ControlReplica",
    "EntityChange",
    "NotReady",
    "PathChange",
    "PathReplica",
    "Reach",
    "Snapshot",
    "StaleRecord",
    "StateReplica",
    "VserverReader",
    "entity_key",
]
