"""`watchbill feed`: processes that tell other programs what is up, on the host where those run.

Rule: each reads the state topic as any consumer does and needs no node beside it; with `--node` it tells the state that
holds on that node, whose own path may be down (P-4). It ends with SIGTERM, or with a fault that an operator must mend.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Annotated

import typer

from schemas.topics import DEFAULT_CLUSTER
from streams.cli.feed_confluent import confluent
from streams.cli.output import ExitCode, fail, note
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption, Sending

app = typer.Typer(help="Tell other programs what is up.", no_args_is_help=True)

READY_S = 60.0

app.command("confluent")(confluent)


@app.callback()
def feed() -> None:
    """Tell other programs what is up."""


@app.command("haproxy-agent")
def haproxy_agent(
    listen: Annotated[str, typer.Option(help="HOST:PORT on which HAProxy's agent checks are answered.")],
    node: Annotated[str | None, typer.Option(help="Tell the state that holds on this node, with its paths.")] = None,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
) -> None:
    """Answer HAProxy's agent checks: `agent-check agent-addr HOST agent-port PORT agent-send "SERVICE\\n"`."""
    from connectors.replica.base import NotReady
    from streams.cli.output import Output

    host, _, port = listen.rpartition(":")
    if not port.isdigit():
        raise typer.BadParameter(f"--listen {listen!r}: give HOST:PORT, such as 127.0.0.1:5555")
    address = Sending(bootstrap, cluster, data_dir, READY_S, Output.TABLE).address()
    try:
        asyncio.run(_answer_haproxy(address, cluster, node, host or "127.0.0.1", int(port)))
    except NotReady as fault:
        fail(str(fault), ExitCode.NO_ANSWER)
    except OSError as fault:
        fail(f"cannot listen at {listen}: {fault.strerror or fault}: choose another --listen")


async def _answer_haproxy(address: str, cluster: str, node: str | None, host: str, port: int) -> None:
    from connectors.outbound.haproxy_agent import Answer, HaproxyAgent
    from connectors.replica.paths import PathReplica
    from connectors.replica.states import StateReplica
    from schemas.effective import effective_state
    from schemas.identifiers import NodeId
    from schemas.probes import PathState

    with StateReplica(address, cluster) as states, PathReplica(address, cluster) as paths:
        for replica in (states, paths):
            await asyncio.to_thread(replica.wait_ready, READY_S)

        def answer_of(name: str) -> Answer | None:
            record = states.by_name(name)
            if record is None:
                return None
            path = paths.of(record.entity_id, NodeId(node)) if node else PathState.UNKNOWN
            return effective_state(record, path), record.cause.text

        agent = HaproxyAgent(answer_of)
        bound = await agent.start(host, port)
        note(f"answering HAProxy's agent checks at {host}:{bound}, from {len(states):,} services")
        await _until_told()
        await agent.close()


async def _until_told() -> None:
    """Until SIGTERM or SIGINT."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    stop: Callable[[], None] = told.set
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await told.wait()
