"""The little language of the ownership scenarios: views, reading nodes, states, and who probes what then.

A case file is blocks of commands, `----`, and what they print; lines that begin with # are prose. Commands:

    node b2 edge core               a node and its node groups
    service s1 4-0 edge             a service: name, entity id, node groups; `internal` among them makes it internal
    view 0 prev=-1 b0 b1            a record of the views topic at offset 0, proposed by the first node named
    view 1 prev=0 b0 b1:leaving     the same, in which b1 is leaving
    reads b0                        b0 reads the views up to here, and decides
    state s1 b0 view=0              b0's state of s1 under view 0 is folded
    hears b0                        b0 applies the states up to here, and decides
    owners                          each service's owner in the newest view
    duties                          each node's duty for each service, and the view it owns or owned it under
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.identifiers import EntityId, NodeId, ViewId
from streams.ownership.distribution import Placeable, distribute, placeable
from streams.ownership.handover import RESTING, Duty, LastState, Watch, hand_over
from streams.ownership.view import EMPTY_VIEW, Member, ProposedView, Refused, View, accept

SEPARATOR = "----"


@dataclass
class Node:
    """A node of the scenario: what it has read and what it does."""

    groups: frozenset[str] = frozenset()
    view: View = EMPTY_VIEW
    applied: dict[str, LastState] = field(default_factory=dict)
    watches: dict[str, Watch] = field(default_factory=dict)


class World:
    """Everything a case file builds up, over all its blocks."""

    def __init__(self) -> None:
        self.nodes: dict[NodeId, Node] = {}
        self.services: dict[str, Placeable] = {}
        self.view = EMPTY_VIEW
        self.states: dict[str, LastState] = {}

    def run(self, line: str) -> list[str]:
        """The printed lines of one command. An unknown command is an AttributeError that names it."""
        command, *words = line.split()
        options = dict(word.split("=") for word in words if "=" in word)
        return getattr(self, f"do_{command}")([word for word in words if "=" not in word], options)

    def do_node(self, words: list[str], _options: dict[str, str]) -> list[str]:
        self.nodes[NodeId(words[0])] = Node(frozenset(words[1:]))
        return []

    def do_service(self, words: list[str], _options: dict[str, str]) -> list[str]:
        name, entity, *groups = words
        node_groups = frozenset(groups) - {"internal"}
        self.services[name] = placeable(EntityId(entity), name, node_groups, internal="internal" in groups)
        return []

    def do_view(self, words: list[str], options: dict[str, str]) -> list[str]:
        named = [(NodeId(node), bool(leaving)) for node, _, leaving in (word.partition(":") for word in words[1:])]
        members = tuple(Member(node, "run1", self.nodes[node].groups, leaving) for node, leaving in named)
        record = ProposedView(ViewId(int(options["prev"])), 1, members, members[0].node)
        outcome = accept(self.view, record, int(words[0]))
        if isinstance(outcome, Refused):
            return [f"refused {outcome.offset}: {outcome.reason.name}, view {outcome.held} stays"]
        self.view = outcome
        shown = [f"{one.node}:leaving" if one.leaving else one.node for one in outcome.members]
        return [f"view {outcome.view_id}: {' '.join(shown)}"]

    def do_reads(self, words: list[str], _options: dict[str, str]) -> list[str]:
        self.nodes[NodeId(words[0])].view = self.view
        return self.decide(NodeId(words[0]))

    def do_state(self, words: list[str], options: dict[str, str]) -> list[str]:
        self.states[words[0]] = LastState(ViewId(int(options["view"])), NodeId(words[1]))
        return []

    def do_hears(self, words: list[str], _options: dict[str, str]) -> list[str]:
        self.nodes[NodeId(words[0])].applied = dict(self.states)
        return self.decide(NodeId(words[0]))

    def decide(self, name: NodeId) -> list[str]:
        """Let a node decide about every service; one line for each duty that changed."""
        node, lines = self.nodes[name], []
        distribution = distribute(node.view, name, self.services.values())
        for service, place in self.services.items():
            before = node.watches.get(service, RESTING)
            standing = distribution.standings[place.entity_id]
            after = hand_over(before, name, standing, node.view.view_id, node.applied.get(service))
            node.watches[service] = after
            if after.duty is not before.duty:
                lines.append(f"{name} {service}: {before.duty.name} -> {after.duty.name}")
        return lines

    def do_owners(self, _words: list[str], _options: dict[str, str]) -> list[str]:
        asker = next(iter(self.nodes))
        standings = distribute(self.view, asker, self.services.values()).standings
        return [f"{name}: {standings[place.entity_id].owner or 'nobody'}" for name, place in self.services.items()]

    def do_duties(self, _words: list[str], _options: dict[str, str]) -> list[str]:
        return [
            f"{service}: "
            + (" ".join(self.duty(name, service) for name in self.nodes if self.duty(name, service)) or "-")
            for service in self.services
        ]

    def duty(self, name: NodeId, service: str) -> str:
        """`b0=OWN@3`, or nothing for a node at rest."""
        watch = self.nodes[name].watches.get(service, RESTING)
        return "" if watch.duty is Duty.REST else f"{name}={watch.duty.name}@{watch.flag}"


def rewrite(text: str) -> str:
    """The case file with every block's output as it is now: equal to the file when nothing changed."""
    world = World()
    return "\n\n".join(rewrite_block(world, block) for block in text.strip("\n").split("\n\n")) + "\n"


def rewrite_block(world: World, block: str) -> str:
    """One block: its commands as they stand, the separator, and what they print now."""
    commands = block.split(f"\n{SEPARATOR}")[0].splitlines()
    printed = [line for command in commands if not command.startswith("#") for line in world.run(command)]
    return "\n".join([*commands, SEPARATOR, *printed])
