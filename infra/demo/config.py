"""What the demo configures: the file `cluster.yaml` beside this one, with the ports of the services of this run.

Rule: the demo configures as everyone does: a file, its difference to what is, one command, one answer. So a demo on an
existing Kafka begins again where the last one ended, on other ports. The command waits in the log until a node that can
answer it has joined. The file as applied is left in the data folder, for a person to change and apply.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from string import Template

from connectors.config.difference import difference
from connectors.config.document import Document, read_document
from connectors.config.producer import ConfigProducer
from connectors.config.reader import read_entities
from infra.demo.target import Target

INTERVAL_MS = 500
"""Of every monitor in the file."""
ISSUER = "watchbill demo"
APPLIED = "cluster.yaml"


class ConfigRefused(Exception):
    """The cluster did not accept the demo's configuration; the message has every reason."""


def cluster_file(targets: Iterable[Target]) -> str:
    """The file with the ports of these services."""
    template = Template((files(__package__) / "cluster.yaml").read_text(encoding="utf-8"))
    return template.substitute({target.name.replace("-", "_"): str(target.port) for target in targets})


def wanted(text: str) -> Document:
    """The file as read. A fault in it would be ours, so it is a broken promise."""
    document = read_document(text)
    assert not document.faults, f"the demo's own cluster.yaml is at fault: {document.faults}"
    return document


def configure(bootstrap: str, cluster: str, targets: Iterable[Target], folder: Path, deadline_s: float) -> int:
    """Applies the file; how many operations that took. Raises ConfigRefused, NoAnswer or NotReady."""
    text = cluster_file(targets)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / APPLIED).write_text(text, encoding="utf-8")
    steps = difference(wanted(text), read_entities(bootstrap, cluster, deadline_s)).operations
    if not steps:
        return 0
    with ConfigProducer(bootstrap, cluster) as producer:
        answer = producer.send(steps, ISSUER, deadline_s=deadline_s)
    if not answer.accepted:
        raise ConfigRefused("\n".join(rejection.message for rejection in answer.rejections))
    return len(steps)
