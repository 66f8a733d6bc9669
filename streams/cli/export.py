"""`watchbill export`: the configuration as a cluster file, which `apply` takes back to exactly the same.

Rule: what is printed is read back here before it is given out; a backup that could not be restored is told now, not on
the day it is needed. Entity ids are not in it: a restored cluster gives new ones, and begins with states unknown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schemas.topics import DEFAULT_CLUSTER
from streams.cli.output import Output, fail, note
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption, DeadlineOption, Sending, answered


def export(
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Write it here; else on standard output.")] = None,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    deadline: DeadlineOption = 10.0,
) -> None:
    """Write the configuration as a cluster file (YAML), for backup, review, or another cluster."""
    from connectors.config.difference import difference
    from connectors.config.document import read_document
    from connectors.config.export import export_text
    from connectors.config.reader import read_entities

    sending = Sending(bootstrap, cluster, data_dir, deadline, Output.YAML)
    with answered():
        entities = read_entities(sending.address(), sending.cluster, sending.deadline)
    text = export_text(entities)
    document = read_document(text)
    left = [fault.message for fault in document.faults] or [
        step.text for step in difference(document, entities, prune=True).steps
    ]
    if left:
        fail(f"the configuration cannot be written as a file that reads back the same: {left[0]}")
    if file is None:
        print(text, end="")
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror or error}")
    note(f"{len(entities.by_id):,} entities written to {file}")
