"""Rights by role, from the topic table: what each may do, and above all what it may not."""

from __future__ import annotations

from itertools import pairwise

from infra.acls import Resource, acls, commands
from schemas.topics import EVERYBODY as ROLES
from schemas.topics import TOPICS, Role

EVERYBODY = {role: (f"User:{role.value}",) for role in ROLES}


def may(role: Role, operation: str) -> set[str]:
    """Topics by their names in the table; a prefix as it is."""
    return {
        acl.name.removeprefix("w.")
        for acl in acls("w", {role: ("User:one",)})
        if acl.operation == operation and acl.resource is Resource.TOPIC
    }


def test_only_nodes_write_what_nodes_tell_and_only_operators_command() -> None:
    assert may(Role.READER, "Write") == set()
    assert may(Role.OPERATOR, "Write") == {"config-commands"}
    assert may(Role.NODE, "Write") == {topic.name for topic in TOPICS} - {"config-commands"}


def test_everybody_reads_all_but_the_quarantine() -> None:
    every = {topic.name for topic in TOPICS}
    assert may(Role.OPERATOR, "Read") == every | {"service-states-confluent"}
    assert may(Role.READER, "Read") == every - {"quarantine"} | {"service-states-confluent"}
    assert may(Role.NODE, "Read") == every - {"quarantine"}


def test_who_frames_states_for_others_reads_states_and_writes_nothing_that_counts() -> None:
    assert may(Role.FEED, "Read") == {"service-states", "service-states-confluent"}
    assert may(Role.FEED, "Write") == may(Role.FEED, "Create") == {"service-states-confluent"}


def test_only_nodes_join_the_group_and_only_operators_make_topics() -> None:
    groups = [acl for acl in acls("w", EVERYBODY) if acl.resource is Resource.GROUP]
    joining = [acl for acl in groups if acl.operation == "Read"]
    assert [(acl.principal, acl.name) for acl in joining] == [("User:node", "w.watchbill")]
    assert {(acl.operation, acl.name) for acl in groups if acl not in joining} == {("Describe", "watchbill-readers")}
    prefixed = [acl for acl in acls("w", EVERYBODY) if acl.prefix]
    assert {(acl.principal, acl.operation, acl.name) for acl in prefixed} == {
        ("User:operator", "Create", "w."),
        ("User:operator", "DescribeConfigs", "w."),
    }


def test_commands_say_the_same_in_kafkas_words() -> None:
    wanted = acls("w", EVERYBODY)
    lines = list(commands(wanted, "kafka:9093"))
    said = set()
    for line in lines:
        words = line.split()
        assert words[:3] == ["kafka-acls", "--bootstrap-server", "kafka:9093"]
        prefix = "--resource-pattern-type prefixed" in line
        options = list(pairwise(words))
        principal = next(value for key, value in options if key == "--allow-principal")
        operation = next(value for key, value in options if key == "--operation")
        said |= {
            (principal, operation, key[2:], value, prefix) for key, value in options if key in ("--topic", "--group")
        }
    assert said == {(acl.principal, acl.operation, acl.resource.value, acl.name, acl.prefix) for acl in wanted}
    assert len(lines) == 11
