"""`python -m tests.chaos.paused_node node …`: a node that can be stopped between the lease's check and the send.

Rule: it is `watchbill node` with one class in another's place: where the file that WATCHBILL_CHAOS_ARMED names exists
when a state is about to be sent (the lease has just been asked), the file is removed, the state kept in `<file>.sent`,
and the process stops (SIGSTOP). What is sent after SIGCONT is what a node sends that slept at the worst instant. Where
`<file>.block` exists, the loop stands still once, for as many seconds as it holds. The product knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from schemas.identifiers import EntityId
from streams.cli.main import main
from streams.node import node
from streams.tables.outbox import Outbox

ARMED_VARIABLE = "WATCHBILL_CHAOS_ARMED"


class PausedOutbox(Outbox):
    """Stops the process or the loop, once for each time it is armed."""

    def flush(self) -> None:
        block = Path(os.environ[ARMED_VARIABLE] + ".block")
        if block.exists():
            threading.Event().wait(float(block.read_text()))
            block.unlink()
        super().flush()

    def _send(self, service: EntityId, state: bytes | None) -> bool:
        armed = Path(os.environ[ARMED_VARIABLE])
        if armed.exists():
            armed.unlink()
            Path(f"{armed}.sent").write_bytes(state or b"")
            os.kill(os.getpid(), signal.SIGSTOP)
        return super()._send(service, state)


if __name__ == "__main__":
    node.Outbox = PausedOutbox  # type: ignore[misc]
    main()
