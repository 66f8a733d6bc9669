"""`watchbill acls`: the rights in Kafka of nodes, operators and readers, to read, to review, or to grant.

Rule: printed first, granted only when asked with --apply, by whoever administers that Kafka: rights are its owner's to
give. The principals are named by the caller; the topics and operations come from the topic table. Why not part of
`init`: who makes topics is seldom who may give rights.
"""

from __future__ import annotations

from typing import Annotated

import typer

from schemas.topics import DEFAULT_CLUSTER, EVERYBODY, Role
from streams.cli.output import Output, OutputOption, note, print_data
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption

NodeOption = Annotated[list[str] | None, typer.Option("--node", help="Principal of the nodes; repeatable.")]
OperatorOption = Annotated[list[str] | None, typer.Option("--operator", help="Who configures; repeatable.")]
ReaderOption = Annotated[list[str] | None, typer.Option("--reader", help="Who only reads states; repeatable.")]

FeedOption = Annotated[list[str] | None, typer.Option("--feed", help="Who runs `feed confluent`; repeatable.")]


def acls(
    node: NodeOption = None,
    operator: OperatorOption = None,
    reader: ReaderOption = None,
    feed: FeedOption = None,
    apply: Annotated[bool, typer.Option("--apply", help="Grant them, as the user of the environment.")] = False,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print the rights that each role needs, as kafka-acls commands; --apply grants them.

    Principals are Kafka's, such as User:watchbill-node; a name alone is a User. Without any: watchbill-node,
    watchbill-operator and watchbill-reader.
    """
    from infra.acls import acls as rights_of
    from infra.acls import commands, grant
    from infra.kafka.locate import locate
    from streams.cli.kafka import errors_told

    given = {Role.NODE: node, Role.OPERATOR: operator, Role.READER: reader, Role.FEED: feed}
    if not any(given.values()):
        given = {role: [f"watchbill-{role.value}"] for role in EVERYBODY}
    principals = {
        role: [name if ":" in name else f"User:{name}" for name in names] for role, names in given.items() if names
    }
    wanted = rights_of(cluster, principals)
    if output is not Output.TABLE:
        keys = ("principal", "operation", "resource", "name")
        rows = [
            dict(zip(keys, (acl.principal, acl.operation, acl.resource.value, acl.name), strict=True))
            | {"pattern": "prefixed" if acl.prefix else "literal"}
            for acl in wanted
        ]
        print_data({"acls": rows}, output)
    if apply:
        with errors_told():
            address = locate(bootstrap, data_dir).bootstrap
            grant(address, wanted)
        note(f"granted {len(wanted)} rights to {', '.join(one for named in principals.values() for one in named)}")
    elif output is Output.TABLE:
        for line in commands(wanted, bootstrap or "HOST:PORT"):
            print(line)
