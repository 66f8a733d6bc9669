"""`watchbill node`: run one node until SIGTERM or SIGINT.

Rule: signals are taken by the node's own loop, once; a second one ends the process at once. The exit code says why: 0
for a clean leave, 1 for a fault that an operator must mend (told in one line on stderr), 70 for a stuck event loop.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.sending import BootstrapOption, DataDirOption

if TYPE_CHECKING:
    from connectors.probes.policy import TargetPolicy

NodeGroups = Annotated[list[str] | None, typer.Option(help="A node group that this node serves; repeatable.")]


HaproxyStatsOption = Annotated[
    str | None,
    typer.Option(
        envvar="WATCHBILL_HAPROXY_STATS", help="HAProxy's stats socket, PATH or HOST:PORT, to feed passive monitors."
    ),
]
WebhookOption = Annotated[
    str | None, typer.Option(envvar="WATCHBILL_ALERT_WEBHOOK", help="URL told of what is DOWN, and of its end.")
]
AlertmanagerOption = Annotated[
    list[str] | None, typer.Option(envvar="WATCHBILL_ALERTMANAGER", help="URL of an Alertmanager; repeatable.")
]


def node(
    node_id: Annotated[str, typer.Option("--id", help="This node's name, such as b0; no two nodes share one.")],
    bootstrap: BootstrapOption = None,
    data_dir: DataDirOption = None,
    cluster: Annotated[str, typer.Option(envvar="WATCHBILL_CLUSTER", help="Prefix of the topics.")] = "watchbill",
    engines: Annotated[int, typer.Option(min=1, max=64, help="Probing processes, at most one a core.")] = 1,
    web: Annotated[str | None, typer.Option(help="Serve the dashboard here, HOST:PORT; off by default.")] = None,
    node_group: NodeGroups = None,
    session_timeout: Annotated[float, typer.Option(help="Seconds after which a silent node is replaced.")] = 3.0,
    targets: Annotated[
        Path | None, typer.Option(envvar="WATCHBILL_TARGETS", help="Rules of which addresses may be probed.")
    ] = None,
    secrets: Annotated[
        Path | None, typer.Option(envvar="WATCHBILL_SECRETS", help="Folder of the secrets that monitors refer to.")
    ] = None,
    scripts: Annotated[
        Path | None, typer.Option(envvar="WATCHBILL_SCRIPTS", help="Folder of the scripts of USER monitors; else off.")
    ] = None,
    resolver: Annotated[
        list[str] | None,
        typer.Option(envvar="WATCHBILL_RESOLVER", help="A DNS server, ADDRESS[:PORT]; else those of /etc/resolv.conf."),
    ] = None,
    haproxy_stats: HaproxyStatsOption = None,
    standalone: Annotated[
        bool, typer.Option("--standalone", help="Clustering off: this node monitors everything, and bears no other.")
    ] = False,
    web_name: Annotated[
        list[str] | None,
        typer.Option(envvar="WATCHBILL_WEB_NAME", help="A name by which browsers reach the web views; repeatable."),
    ] = None,
    alert_webhook: WebhookOption = None,
    alertmanager: AlertmanagerOption = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run a node: monitor the services it owns, fold its partitions, keep every state."""
    signal.signal(signal.SIGTERM, _end_before_start)  # what is imported now takes a second
    from schemas.identifiers import NodeId
    from streams.cli.show_read import kafka_address
    from streams.node.alert_settings import AlertSettings
    from streams.node.logs import set_up_logs
    from streams.node.settings import NodeSettings

    faulthandler.enable(2)  # where a C library crashes, stderr (whatever stands in for it) says in which call
    set_up_logs(log_level, node_id)
    host, port = _web_address(web)
    try:
        policy, scripts = _guard(targets, secrets), _checked(scripts)
        web_token, alert_token = _token("WATCHBILL_WEB_TOKEN"), _token("WATCHBILL_ALERT_TOKEN")
        settings = NodeSettings(
            NodeId(node_id),
            kafka_address(bootstrap, data_dir),
            cluster,
            engines,
            tuple(node_group or ()),
            host,
            port,
            session_timeout,
            policy,
            scripts,
            tuple(resolver or ()),
            haproxy_stats,
            not standalone,
            web_token,
            tuple(web_name or ()),
            AlertSettings(alert_webhook, tuple(alertmanager or ()), alert_token),
        )
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from fault
    raise typer.Exit(asyncio.run(_run(settings)))


def _token(name: str) -> str | None:
    """A token, or what the file holds that the variable with _FILE behind it names. Raises ValueError."""
    from connectors.kafka.security import either

    return either(name, os.environ.get(name), os.environ.get(f"{name}_FILE"), "token")


def _web_address(web: str | None) -> tuple[str, int | None]:
    if web is None:
        return "127.0.0.1", None
    host, _, port = web.rpartition(":")
    if not (port.isdigit() and 1 <= int(port) <= 65_535):
        raise typer.BadParameter(f"--web {web!r}: give HOST:PORT, such as 127.0.0.1:8080")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def _refuse_security() -> None:
    """Raises SecurityRefused, a ValueError, now and not where the group is joined after the replay."""
    from connectors.kafka.security import security_from
    from streams.faust_app.security import credentials

    credentials(security_from(os.environ))


def _guard(targets: Path | None, secrets: Path | None) -> TargetPolicy:
    """Put the target policy in force, and hand the folder of secrets down to the engines. Raises ValueError."""
    from connectors.probes.policy import TargetPolicy, enforce, read_policy
    from connectors.probes.secrets import FOLDER_VARIABLE

    _refuse_security()
    if secrets is not None:
        if not secrets.is_dir():
            raise ValueError(f"--secrets {secrets} is no folder: make it, readable by this user only")
        os.environ[FOLDER_VARIABLE] = str(secrets.resolve())
    policy = TargetPolicy() if targets is None else read_policy(targets)
    enforce(policy)
    return policy


def _checked(scripts: Path | None) -> Path | None:
    """The folder of scripts as it must be. Raises ValueError with what to mend."""
    from connectors.probes.user import safe_folder

    try:
        return None if scripts is None else safe_folder(scripts)
    except (OSError, ValueError) as fault:
        raise ValueError(f"--scripts {scripts}: {fault}") from fault


async def _run(settings: object) -> int:
    from connectors.replica.base import NotReady
    from streams.node.node import Node
    from streams.node.refusals import MayNotServe
    from streams.node.settings import NodeSettings
    from streams.node.web_server import WebRefused

    assert isinstance(settings, NodeSettings)
    running = Node(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, running.stopping)
    code = 0
    try:
        await running.run()
    except (NotReady, MayNotServe, WebRefused) as fault:
        print(f"watchbill node: {fault}", file=sys.stderr)
        code = 1
    if running.group.clings:  # everything of ours has ended; asyncio would wait for what is left of Faust
        sys.stderr.flush()
        os._exit(code)
    return code


def _end_before_start(*_: object) -> None:
    """A clean leave of a node that nobody has heard of."""
    print("watchbill node: ended before it had started", file=sys.stderr, flush=True)
    os._exit(0)


def _stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        print("watchbill node: ended at the second signal, nothing handed over", file=sys.stderr, flush=True)
        os._exit(1)  # an exception would unwind the loop first; engines end with their parent
    stopping.set()
