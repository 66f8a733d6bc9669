"""Which Kafka a command talks to, and of what kind it is.

Two kinds: a cluster that exists, named by `--bootstrap` or WATCHBILL_BOOTSTRAP, and the broker of ours that serves a
data folder. An address that is given always wins, and is never started, stopped or guessed at. The kind goes with the
address everywhere, because a person must be able to see at a glance whether a laptop's broker or the company's is in
hand.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from infra.errors import BrokerUnreachable
from infra.kafka.broker import KIND, Broker, default_data_dir

BOOTSTRAP_VARIABLE = "WATCHBILL_BOOTSTRAP"
EXISTING = "existing cluster"


@dataclass(frozen=True, slots=True)
class Located:
    """An address and its kind, in words."""

    kind: str
    bootstrap: str


def locate(bootstrap: str | None = None, data_dir: Path | None = None) -> Located:
    """The Kafka to use: the address given, that of WATCHBILL_BOOTSTRAP, or our broker of `data_dir` when it runs.

    Raises BrokerUnreachable when there is none of them. Whether the address answers is not tried.
    """
    given = bootstrap or os.environ.get(BOOTSTRAP_VARIABLE)
    if given:
        return Located(EXISTING, given)
    folder = data_dir or default_data_dir()
    broker = Broker.attach(folder)
    if broker is None:
        raise BrokerUnreachable(
            "no Kafka is given and none of ours runs",
            str(folder),
            f"watchbill kafka start, or --bootstrap HOST:PORT, or set {BOOTSTRAP_VARIABLE}",
        )
    return Located(KIND, broker.bootstrap)
