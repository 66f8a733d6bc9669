"""The files of infra/deploy as read, and copies of them with one thing broken."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from tests.tidy.source import ROOT

DEPLOY = ROOT / "infra" / "deploy"
Resource = dict[str, Any]
Mar = Callable[[Any], Any]
"""What stands somewhere -> what shall stand there."""


@cache
def yaml_of(path: str) -> list[Resource]:
    """The documents of a file, with its anchors and merges resolved; read once, so change copies of them."""
    return list(YAML(typ="safe", pure=True).load_all((DEPLOY / path).read_text(encoding="utf-8")))


def broken(document: Any, place: str, mar: Mar) -> Any:
    """A copy of a document, marred at a place such as `spec/ports/0`."""
    copy = deepcopy(document)
    *folders, last = (int(part) if part.isdigit() else part for part in place.split("/"))
    inside = copy
    for folder in folders:
        inside = inside[folder]
    inside[last] = mar(inside.get(last) if isinstance(inside, dict) else inside[last])
    return copy


@dataclass(frozen=True)
class Deployment:
    """What a person deploys with: the Compose file, the manifests by kind, the Dockerfile, the page that tells how."""

    compose: Resource
    service: Resource
    budget: Resource
    nodes: Resource
    topics: list[Resource]
    users: list[Resource]
    dockerfile: str
    page: str

    @property
    def pod(self) -> Resource:
        found: Resource = self.nodes["spec"]["template"]
        return found

    @property
    def node(self) -> Resource:
        """The container of a node."""
        [found] = self.pod["spec"]["containers"]
        assert isinstance(found, dict)
        return found

    @property
    def labels(self) -> dict[str, str]:
        found: dict[str, str] = self.pod["metadata"]["labels"]
        return found

    @property
    def services(self) -> dict[str, Resource]:
        found: dict[str, Resource] = self.compose["services"]
        return found


@cache
def deployment() -> Deployment:
    service, budget, nodes = yaml_of("kubernetes/nodes.yaml")
    [compose] = yaml_of("compose.yaml")
    return Deployment(
        compose,
        service,
        budget,
        nodes,
        yaml_of("kubernetes/topics.yaml"),
        yaml_of("kubernetes/users.yaml"),
        (ROOT / "Dockerfile").read_text(encoding="utf-8"),
        (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"),
    )
