"""`watchbill top`: the services of a cluster on a terminal, live, worst first, with keys.

Rule: what is shown is what the replicas of this program hold, the same that a load balancer's host has, so nothing is
asked of a node and Kafka's absence shows as age, never as DOWN (U-9). A row is made when its service changes, a picture
four times a second or at a key, so ten thousand quiet services cost a sort at most. All decisions about keys and lines
are pure (`top_model`, `top_draw`); here are the clock, the terminal and Kafka.
"""

from __future__ import annotations

import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import typer

from schemas.identifiers import EntityId
from schemas.states import State
from schemas.topics import DEFAULT_CLUSTER
from streams.cli.ending import told_to_end
from streams.cli.output import ExitCode, fail
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption
from streams.cli.top_draw import Detail, draw, rows_that_fit
from streams.cli.top_model import Order, Page, Picture, Row, Screen, press, scrolled, settled, visible
from streams.cli.top_rows import detail_lines, node_cells, row_of, row_without_state

if TYPE_CHECKING:
    from rich.text import Text

    from connectors.replica.control import ControlReplica
    from connectors.replica.paths import PathReplica
    from connectors.replica.states import Change, StateReplica
    from schemas.inventory.entities import Entities
    from schemas.states import ServiceState
    from streams.cli.show_read import Knowledge, ViewRecord

PICTURE_S = 0.25
FilterOption = Annotated[str, typer.Option("--filter", help="Begin with this looked for, as after the key /.")]
SortOption = Annotated[Order, typer.Option("--sort", help="Begin in this order.")]
DeadlineOption = Annotated[float, typer.Option("--deadline", min=0.1, help="Seconds to wait for the first states.")]


def top(
    looked_for: FilterOption = "",
    order: SortOption = Order.WORST,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    deadline: DeadlineOption = 10.0,
) -> None:
    """Show services live on a terminal: worst first, with keys to look for, sort and open them. Press ? there."""
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        fail("top needs a terminal: `watchbill stat` and `watchbill watch` tell the same to a pipe", ExitCode.USAGE)
    from connectors.replica.base import NotReady
    from connectors.replica.control import ControlReplica
    from connectors.replica.paths import PathReplica
    from connectors.replica.states import StateReplica
    from streams.cli.show_read import kafka_address, quiet_logs, refuse_silence

    quiet_logs()
    address = kafka_address(bootstrap, data_dir)
    refuse_silence(address)
    try:
        with (
            StateReplica(address, cluster) as states,
            ControlReplica(address, cluster) as control,
            PathReplica(address, cluster) as paths,
        ):
            end_s = time.monotonic() + deadline
            for replica in (states, control, paths):
                replica.wait_ready(max(0.1, end_s - time.monotonic()))
            _run(Watched(cluster, address, states, control, paths), Screen(order=order, looked_for=looked_for))
    except NotReady as fault:
        fail(str(fault), ExitCode.NO_ANSWER)


@dataclass(frozen=True, slots=True)
class Held:
    """What follows from the rows alone, worked out once as long as none changes."""

    rows: Sequence[Row]
    by_state: Mapping[State, int]
    by_owner: Mapping[str, int]


def held_of(rows: Sequence[Row]) -> Held:
    """The rows counted."""
    return Held(rows, Counter(row.state for row in rows), Counter(row.owner for row in rows))


class Watched:
    """The cluster as the replicas hold it, as rows that are made once."""

    def __init__(
        self, cluster: str, kafka: str, states: StateReplica, control: ControlReplica, paths: PathReplica
    ) -> None:
        self._cluster, self._kafka = cluster, kafka
        self._states, self._control, self._paths = states, control, paths
        self._lock = threading.Lock()
        self._rows: dict[EntityId, Row] = {}
        self._waiting: dict[EntityId, Row] = {}
        """Of services that are configured and have no state yet."""
        self._held: Held | None = None
        """What follows from the rows; None: one has changed."""
        self._revision: int | None = None
        self._entities: Entities | None = None
        self._views: tuple[ViewRecord, ...] = ()
        with self._lock:
            snapshot = states.on_change(self._changed)
            self._rows.update((state.entity_id, row_of(state)) for state in snapshot.values())

    def _changed(self, changes: Sequence[Change]) -> None:
        """On the replica's thread."""
        with self._lock:
            for change in changes:
                if change.after is None:
                    self._rows.pop(change.entity_id, None)
                else:
                    self._rows[change.entity_id] = row_of(change.after)
            self._held = None

    def picture(self) -> Picture:
        """The cluster now."""
        known = self.known()
        if self._revision != self._control.revision:
            self._revision = self._control.revision
            self._waiting, self._held = row_without_state(known.entities), None
        with self._lock:
            if self._held is None:
                self._held = held_of(list({**self._waiting, **self._rows}.values()))
            held = self._held
        return Picture(
            cluster=self._cluster,
            kafka=self._kafka,
            view_id=known.view.view_id,
            now_ms=known.now_ms,
            connected=self._states.connected,
            rows=held.rows,
            counts=held.by_state,
            nodes=node_cells(known, held.by_owner),
        )

    def known(self) -> Knowledge:
        """What `show` would read, without reading anew."""
        from schemas.inventory.entities import Entities
        from streams.cli.show_read import Knowledge, decided

        if self._entities is None or self._revision != self._control.revision:
            self._entities = Entities().updated(self._control.entities().values())
        proposals = self._control.views()
        if len(proposals) != len(self._views):
            self._views = decided(proposals)
        return Knowledge(
            cluster=self._cluster,
            states=cast("Mapping[EntityId, ServiceState]", self._states),  # it looks like one
            entities=self._entities,
            nodes=self._control.nodes(),
            views=self._views,
            positions={**self._control.positions(), **self._states.positions(), **self._paths.positions()},
            now_ms=time.time_ns() // 1_000_000,
            paths_of=self._paths.paths,
        )


def _run(watched: Watched, screen: Screen) -> None:
    """Draws and takes keys until the person ends it; the terminal is then as it was, also after a signal."""
    from rich.console import Console
    from rich.live import Live

    from streams.cli.keys import named, raw_keys

    console = Console(highlight=False)
    if console.is_dumb_terminal:
        fail("top needs a terminal that can move its cursor, and TERM says that this one is dumb", ExitCode.USAGE)
    ended = told_to_end()
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # a shell that comes back on this screen could not be read
    with (
        raw_keys(sys.stdin.fileno()) as pressed,
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        listed = Listed()
        while not (screen.ended or ended.is_set()):
            width, height = shutil.get_terminal_size()
            picture, room = watched.picture(), rows_that_fit(height)
            screen = settled(screen, listed.of(screen, picture), room)
            screen, detail = _detail(watched, screen, picture, room + 1)
            lines = draw(picture, screen, listed.of(screen, picture), detail, width, height)
            live.update(_whole(lines), refresh=True)
            for key in named(pressed(PICTURE_S)):
                shown = listed.of(screen, picture)
                screen = press(settled(screen, shown, room), key, shown, room)


class Listed:
    """The rows that a screen shows, sorted anew only where something has changed: a row, or what is asked for."""

    def __init__(self) -> None:
        self._for: tuple[object, ...] = ()
        self._shown: list[Row] = []

    def of(self, screen: Screen, picture: Picture) -> list[Row]:
        """The rows in their order."""
        asked = (screen.order, screen.looked_for, screen.only_trouble)
        if not self._for or self._for[0] is not picture.rows or self._for[1:] != asked:
            self._for, self._shown = (picture.rows, *asked), visible(screen, picture.rows)
        return self._shown


def _detail(watched: Watched, screen: Screen, picture: Picture, lines: int) -> tuple[Screen, Detail]:
    """What is open, if anything is, and the screen scrolled no further than to its end."""
    if screen.page is not Page.DETAIL:
        return screen, ()
    name = next((row.name for row in picture.rows if row.entity_id == screen.marked), "")
    detail = detail_lines(watched.known(), name)
    return scrolled(screen, len(detail), lines), detail


def _whole(lines: Iterable[Text]) -> Text:
    from rich.text import Text

    return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
