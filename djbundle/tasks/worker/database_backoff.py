"""Guards the worker against a database that does not answer: it restarts, is locked, or its disk is full.

A mistake of the worker itself is treated alike: it is logged, and the work is tried again. Only a mistake that persists
ends the worker.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import Error, ProgrammingError, connections

from djbundle.tasks.store import transitions
from djbundle.tasks.store.outcome import error_entry, safe_repr

logger = logging.getLogger("djbundle.tasks")

MIN_DELAY, MAX_DELAY = 0.1, 5.0  # seconds before the next try, doubled with each failure
UNANSWERED = "the database does not answer, trying again: %s"
UNMIGRATED = "the database lacks a table or a column, trying again; run the command migrate: %s"
MAX_FAULTS = 20  # in a row, about a minute and a half


@dataclass(slots=True)
class DatabaseBackoff:
    """Runs all database work of the worker through `run`, with backoff."""

    delay: float = 0.0
    retry_at: float = 0.0  # monotonic seconds
    last_error: str = ""
    faults: int = 0  # mistakes of the worker itself, in a row

    @property
    def left(self) -> float:
        """The seconds until the database may be asked again."""
        return self.retry_at - time.monotonic()

    def run(self, action: Callable[[], object]) -> bool:
        """Run the action, and return whether that succeeded. Return False without running it during the backoff.

        Raise an error of another kind if it occurs again and again.
        """
        if self.left > 0:
            return False
        try:
            action()
        except Error as error:
            self._log_once(UNMIGRATED if is_unmigrated(error) else UNANSWERED, error)
        except (
            BaseException
        ) as error:  # one that would end the process is a mistake too: here signals raise no exceptions
            self.faults += 1
            if self.faults >= MAX_FAULTS:
                raise
            self._log_once("the worker made a mistake, trying again: %s", error, with_traceback=True)
        else:
            if self.delay:
                logger.warning("the database answers again" if not self.faults else "the worker goes on")
            self.delay, self.last_error, self.faults = 0.0, "", 0
            return True
        self._back_off()
        return False

    def _log_once(self, message: str, error: BaseException, *, with_traceback: bool = False) -> None:
        """Log each error once, however often it occurs."""
        text = safe_repr(error) if with_traceback else str(error).strip()
        if text != self.last_error:
            logger.error(message, error_entry(error)["traceback"].rstrip() if with_traceback else text)
        self.last_error = text

    def _back_off(self) -> None:
        self.delay = min(max(MIN_DELAY, self.delay * 2), MAX_DELAY)
        self.retry_at = time.monotonic() + self.delay
        connections[transitions.alias()].close()


def is_unmigrated(error: Error) -> bool:
    """Return whether an error of the database says that migrations are missing."""
    return isinstance(error, ProgrammingError) or str(error).startswith(("no such table", "no such column"))
