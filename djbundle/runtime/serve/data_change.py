"""A change of the site's data that a new process makes when it takes over: another database, or a backup's files.

A command leaves an order and asks `serve` to hand over. The process that takes over makes the change when the older
process has drained, and nobody writes.
"""

from pathlib import Path
from typing import Protocol

from djbundle.runtime.backup import exchange
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.move import switching


class DataChange(Protocol):
    """The steps of a change. `undo` may follow `finish`, unless `commit` has been called."""

    def prepare(self, bundle: Bundle) -> None:
        """Do what takes time, while requests are still answered."""

    def finish(self) -> None:
        """Change the data, while no process writes."""

    def commit(self) -> None:
        """Make the change permanent."""

    def undo(self) -> None:
        """Put everything back as it was."""


def begin(data: Path, *, is_takeover: bool) -> DataChange | None:
    """Return the change that this process has to make, or None.

    A start that is not a takeover undoes an unfinished change.
    """
    if not is_takeover:
        exchange.recover(data)
        return None
    return switching.begin(data) or exchange.read_order(data)
