"""`watchbill feed`: processes that tell other programs what is up, on the host where those run.

Rule: each reads the state topic as any consumer does and needs no node beside it; with `--node` it tells the state that
holds on that node, whose own path may be down (P-4). It ends with SIGTERM, or with a fault that an operator must mend.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.topics import DEFAULT_CLUSTER
from streams.cli.feed_confluent import confluent
from streams.cli.feed_states import READY_S, show_logs, states_told, until_told, waken
from streams.cli.output import ExitCode, Output, fail, note
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption, Sending

if TYPE_CHECKING:
    from connectors.outbound.haproxy_servers import Mapped

app = typer.Typer(help="Tell other programs what is up.", no_args_is_help=True)

NodeOption = Annotated[
    str | None, typer.Option("--node", help="Tell the state that holds on this node, with its paths.")
]

app.command("confluent")(confluent)


@app.callback()
def feed() -> None:
    """Tell other programs what is up."""
    show_logs()


@app.command("haproxy-agent")
def haproxy_agent(
    listen: Annotated[str, typer.Option(help="HOST:PORT on which HAProxy's agent checks are answered.")],
    node: NodeOption = None,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
) -> None:
    """Answer HAProxy's agent checks: `agent-check agent-addr HOST agent-port PORT agent-send "SERVICE\\n"`."""
    host, _, port = listen.rpartition(":")
    if not port.isdigit():
        raise typer.BadParameter(f"--listen {listen!r}: give HOST:PORT, such as 127.0.0.1:5555")
    address = _kafka(bootstrap, cluster, data_dir)
    with _readiness():
        try:
            asyncio.run(_answer_haproxy(address, cluster, node, host or "127.0.0.1", int(port)))
        except OSError as fault:
            fail(f"cannot listen at {listen}: {fault.strerror or fault}: choose another --listen")


async def _answer_haproxy(address: str, cluster: str, node: str | None, host: str, port: int) -> None:
    from connectors.outbound.haproxy_agent import HaproxyAgent

    async with states_told(address, cluster, node) as told:
        agent = HaproxyAgent(told.answer_of)
        bound = await agent.start(host, port)
        note(f"answering HAProxy's agent checks at {host}:{bound}, from {len(told):,} services")
        await until_told()
        await agent.close()


@app.command("haproxy-runtime")
def haproxy_runtime(
    socket: Annotated[str, typer.Option(help="HAProxy's stats socket of level admin: PATH or HOST:PORT.")],
    server: Annotated[
        list[str] | None, typer.Option(help="BACKEND/SERVER=SERVICE: set this server by this service; repeatable.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option("--map", help="A file of such lines, one a server.")] = None,
    backend: Annotated[
        list[str] | None, typer.Option(help="Set every server here by the service of its own name; repeatable.")
    ] = None,
    node: NodeOption = None,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
) -> None:
    """Set HAProxy's servers through its runtime API: down, up, drain and maint, as their services go."""
    from connectors.haproxy_socket import check_place
    from connectors.outbound.haproxy_servers import read_mapping

    try:
        check_place(socket)
        lines = mapping.read_text(encoding="utf-8").splitlines() if mapping else []
        mapped = read_mapping([*lines, *(server or ())], tuple(backend or ()))
    except (OSError, ValueError) as fault:
        raise typer.BadParameter(str(fault)) from fault
    address = _kafka(bootstrap, cluster, data_dir)
    with _readiness():
        asyncio.run(_set_haproxy(address, cluster, node, socket, mapped))


async def _set_haproxy(address: str, cluster: str, node: str | None, where: str, mapped: Mapped) -> None:
    from connectors.outbound.haproxy_runtime import HaproxyRuntime

    async with states_told(address, cluster, node) as told:
        changed = asyncio.Event()
        told.wake(changed)
        note(f"setting HAProxy's servers at {where}, from {len(told):,} services")
        await until_told(HaproxyRuntime(where, mapped, told.answer_of).run(changed))


@app.command("envoy-eds")
def envoy_eds(
    out: Annotated[Path, typer.Option(help="Folder of the files, VSERVER.json each; it must be there.")],
    vserver: Annotated[
        list[str] | None,
        typer.Option(help="Only this vserver; repeatable. Else all that there are."),
    ] = None,
    node: NodeOption = None,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
) -> None:
    """Write Envoy's endpoints as files that it watches (EDS): each vserver a cluster, health by state."""
    if not out.is_dir():
        raise typer.BadParameter(f"--out {out} is no folder: make it, and let this user write there")
    address = _kafka(bootstrap, cluster, data_dir)
    with _readiness():
        asyncio.run(_write_envoy(address, cluster, node, out, frozenset(vserver or ())))


async def _write_envoy(address: str, cluster: str, node: str | None, out: Path, wanted: frozenset[str]) -> None:
    from connectors.outbound.envoy_eds import Endpoint, EnvoyEds
    from connectors.replica.vservers import Bound, VserverReader

    def endpoint(bound: Bound) -> Endpoint | None:
        record = bound.record
        if record is None or not record.ip_address:
            return None
        return Endpoint(record.ip_address, record.port, bound.weight, bound.state)

    with VserverReader(address, cluster, node=node) as reader:
        await asyncio.to_thread(reader.wait_ready, READY_S)
        missing = sorted(wanted - set(reader.names()))
        if missing:
            fail(f"no vserver {', '.join(missing)}: there are {', '.join(reader.names()) or 'none'}")

        def clusters() -> dict[str, list[Endpoint]]:
            found: dict[str, list[Endpoint]] = {}
            for name in reader.names():
                if name in wanted or not wanted:
                    with suppress(KeyError):  # it has just been removed
                        found[name] = [made for each in reader.bound(name) if (made := endpoint(each))]
            return found

        changed, loop = asyncio.Event(), asyncio.get_running_loop()
        reader.on_change(lambda: waken(loop, changed))
        note(f"writing Envoy's endpoints of {len(clusters()):,} vservers to {out}")
        await until_told(EnvoyEds(out, clusters).run(changed))


def _kafka(bootstrap: str | None, cluster: str, data_dir: Path | None) -> str:
    return Sending(bootstrap, cluster, data_dir, READY_S, Output.TABLE).address()


@contextmanager
def _readiness() -> Iterator[None]:
    """Ends the verb with its code where the states cannot be read."""
    from connectors.replica.base import NotReady

    try:
        yield
    except NotReady as fault:
        fail(str(fault), ExitCode.NO_ANSWER)
