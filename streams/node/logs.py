"""Logs of a node: one line an event on stderr, for people on a terminal and as JSON elsewhere.

Rule: Faust's and aiokafka's own logs come through the same lines, from warning on; their banners and tables do not.
"""

from __future__ import annotations

import logging
import sys

import structlog

REPEAT_S = 5.0
KINDS = 1_000
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up_logs(level: str, node_id: str) -> None:
    """Raises ValueError for a level that is none of LEVELS."""
    if level not in LEVELS:
        raise ValueError(f"log level {level!r}: give one of {', '.join(LEVELS)}")
    on_terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    structlog.contextvars.bind_contextvars(node=node_id)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s {node_id} %(name)s: %(message)s"))
    handler.addFilter(RepeatFilter())
    logging.basicConfig(level=max(LEVELS[level], logging.WARNING), handlers=[handler], force=True)


class RepeatFilter(logging.Filter):
    """One line of a kind each REPEAT_S: with Kafka away, aiokafka says the same three things at every heartbeat."""

    def __init__(self) -> None:
        super().__init__()
        self._said_at: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is told."""
        kind = (record.name, record.msg if isinstance(record.msg, str) else "")
        last = self._said_at.get(kind)
        if last is not None and record.created - last < REPEAT_S:
            return False
        if len(self._said_at) > KINDS:
            self._said_at.clear()
        self._said_at[kind] = record.created
        return True
