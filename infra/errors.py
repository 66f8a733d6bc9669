"""Failures of the infrastructure, each told as what happened, where, and how to mend it.

These reach a person at a terminal, mostly one who has just installed Watchbill. So an error here is never a bare
traceback of a library: it names the thing (a port, a file, a jar), and the next step. They are exceptions, not
values, because nothing below the command line can go on without its broker.
"""

from __future__ import annotations


class InfraError(Exception):
    """`what` happened, `where` (path, address), and the `fix` to try. Nothing was changed unless `what` says so."""

    def __init__(self, what: str, where: str, fix: str) -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what}\n  where: {self.where}\n  fix:   {self.fix}"


class NoNetwork(InfraError):
    """Kafka's jars are not in the cache and could not be fetched."""


class ChecksumMismatch(InfraError):
    """A jar is not the one the lock names."""


class NoSpace(InfraError):
    """The disk has too little room for the jars or the broker's data."""


class FolderRefused(InfraError):
    """A folder cannot be made or written."""


class JavaMissing(InfraError):
    """The Java runtime wheel is not installed or does not run."""


class PortTaken(InfraError):
    """Another process listens on the port asked for, or on the one the data folder remembers."""


class BrokerRunning(InfraError):
    """A broker already serves this data folder."""


class BrokerDied(InfraError):
    """The broker ended, or never answered, while it started. The last lines of its log are in `what`."""


class BrokerUnreachable(InfraError):
    """Nothing answers as Kafka at the bootstrap address."""


class TopicsRefused(InfraError):
    """Topics exist with other settings than the topic table's. `what` lists each difference."""
