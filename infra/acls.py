"""The rights that each role needs in Kafka, from the topic table: listed, written as commands, or granted.

Rule: what the topic table says of a topic (`written_by`, `read_by`) is all there is; nothing here names a topic. So
only nodes write states, and a load balancer's user can read them and forge none. Rights are allowed, never denied: a
Kafka with an authorizer refuses what nothing allows. Why topics by name and not by prefix: the right to write
`watchbill.` is the right to write everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from connectors.kafka.settings import READERS_GROUP
from infra.kafka.contact import Contact
from schemas.topics import FRAMED_STATES, TOPICS, Role, group_name, topic_name

DEADLINE_S = 30.0


class Resource(Enum):
    """What a right is about, as `kafka-acls` spells its option."""

    TOPIC = "topic"
    GROUP = "group"


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One right: `principal` may do `operation` (as Kafka spells it) with `name`, or all that begins so."""

    principal: str
    operation: str
    resource: Resource
    name: str
    prefix: bool = False


def acls(cluster: str, principals: Mapping[Role, Sequence[str]]) -> list[Acl]:
    """Every right of these principals (`User:name`), by role."""
    return [
        Acl(principal, operation, resource, name, prefix)
        for role, named in principals.items()
        for principal in named
        for operation, resource, name, prefix in _rights(cluster, role)
    ]


def commands(wanted: Sequence[Acl], bootstrap: str) -> Iterator[str]:
    """`kafka-acls` commands that grant them: one for all names of a principal and operation."""

    def kind(acl: Acl) -> tuple[str, str, Resource, bool]:
        return acl.principal, acl.operation, acl.resource, acl.prefix

    for (principal, operation, resource, prefix), same in groupby(wanted, kind):
        names = " ".join(f"--{resource.value} {acl.name}" for acl in same)
        pattern = " --resource-pattern-type prefixed" if prefix else ""
        yield (
            f"kafka-acls --bootstrap-server {bootstrap} --command-config admin.properties --add "
            f"--allow-principal {principal} --operation {operation}{pattern} {names}"
        )


def grant(bootstrap: str, wanted: Sequence[Acl], deadline_s: float = DEADLINE_S) -> None:
    """Grants them, as the user of the environment; harmless to repeat. Raises BrokerUnreachable or InfraError."""
    from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

    contact = Contact(bootstrap)
    bindings = [
        AclBinding(
            ResourceType[acl.resource.name],
            acl.name,
            ResourcePatternType.PREFIXED if acl.prefix else ResourcePatternType.LITERAL,
            acl.principal,
            "*",
            AclOperation[_c_name(acl.operation)],
            AclPermissionType.ALLOW,
        )
        for acl in wanted
    ]
    for binding, future in contact.client.create_acls(bindings, request_timeout=deadline_s).items():
        contact.result(f"grant {binding.name} to {binding.principal}", future, deadline_s)


def _rights(cluster: str, role: Role) -> Iterator[tuple[str, Resource, str, bool]]:
    """Read and Write imply Describe."""
    for topic in (*TOPICS, FRAMED_STATES):
        if role in topic.read_by:
            yield "Read", Resource.TOPIC, topic_name(cluster, topic), False
    for topic in (*TOPICS, FRAMED_STATES):
        if topic.written_by is role:
            yield "Write", Resource.TOPIC, topic_name(cluster, topic), False
    yield "Describe", Resource.GROUP, READERS_GROUP, False
    if role is Role.NODE:
        yield "Read", Resource.GROUP, group_name(cluster), False
    if role is Role.OPERATOR:  # `watchbill init` and `doctor`
        yield "Create", Resource.TOPIC, f"{cluster}.", True
        yield "DescribeConfigs", Resource.TOPIC, f"{cluster}.", True
    if role is Role.FEED:  # it makes its topic
        yield "Create", Resource.TOPIC, topic_name(cluster, FRAMED_STATES), False
        yield "DescribeConfigs", Resource.TOPIC, topic_name(cluster, FRAMED_STATES), False


def _c_name(operation: str) -> str:
    """`DescribeConfigs` is `DESCRIBE_CONFIGS`."""
    return "".join(f"_{letter}" if letter.isupper() and at else letter for at, letter in enumerate(operation)).upper()
