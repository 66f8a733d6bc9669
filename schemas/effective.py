"""Step 8 of the flow: by which state a node serves, from what the owner told and the node's own path (P-4, P-5, P-11).

Rule: the effective state is worked out whenever it is asked for, and kept nowhere. So what the owner last told is the
backup by itself: a record that arrives while the own path is down refreshes it and changes nothing here, and when path
monitoring is switched off, the state that comes back is the newest one (P-7). Why not store an overridden state beside
the told one, as the source does: two copies of one thing would have to be kept equal by every reader.
"""

from __future__ import annotations

from schemas.probes import PathState
from schemas.states import PathMonitoring, ServiceState, State


def effective(told: State, monitoring: PathMonitoring, path: PathState) -> State:
    """The state by which a node serves, whose own path to the service is `path`.

    Only where each node decides for itself does the path matter here; where they decide together, the owner's state has
    it already. A service that was taken out of service stays so: that was an operator's word.
    """
    cut_off = monitoring is PathMonitoring.INDIVIDUAL and path is PathState.DOWN
    return State.DOWN if cut_off and told is not State.OUT_OF_SERVICE else told


def effective_state(record: ServiceState | None, path: PathState) -> State:
    """The same from the service's record; before the first one nothing is known, and nobody is held DOWN."""
    return State.UNKNOWN if record is None else effective(record.state, record.path_monitoring, path)
