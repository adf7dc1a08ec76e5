"""Stands between the worker and a database that may not answer: restarted, locked by somebody, out of disk.

A mistake of the worker's own is treated alike: it is told, and tried again; only one that stays ends the worker.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import Error, connections

from djbundle.tasks.store import transitions
from djbundle.tasks.store.outcome import error_entry, shown

logger = logging.getLogger("djbundle.tasks")

SHORTEST, LONGEST = 0.1, 5.0  # seconds before it is asked again, doubled with each failure
MOST_FAULTS = 20  # in a row, about a minute and a half


@dataclass(slots=True)
class Guard:
    """Whatever the worker wants of the database goes through `attempt`."""

    delay: float = 0.0
    until: float = 0.0  # monotonic seconds; it is not asked before
    said: str = ""
    faults: int = 0  # of the worker itself, in a row

    @property
    def left(self) -> float:
        """Seconds until it may be asked again."""
        return self.until - time.monotonic()

    def attempt(self, action: Callable[[], object]) -> bool:
        """Do it; False when that failed, or did a moment ago. Raises what fails again and again for other reasons."""
        if self.left > 0:
            return False
        try:
            action()
        except Error as error:
            self._tell("the database does not answer, trying again: %s", error)
        except (
            BaseException
        ) as error:  # one that would end the process is a mistake too: signals are no exceptions here
            self.faults += 1
            if self.faults >= MOST_FAULTS:
                raise
            self._tell("the worker made a mistake, trying again: %s", error, with_traceback=True)
        else:
            if self.delay:
                logger.warning("the database answers again" if not self.faults else "the worker goes on")
            self.delay, self.said, self.faults = 0.0, "", 0
            return True
        self._wait()
        return False

    def _tell(self, message: str, error: BaseException, *, with_traceback: bool = False) -> None:
        """Once for each error, however often it comes."""
        text = shown(error) if with_traceback else str(error).strip()
        if text != self.said:
            logger.error(message, error_entry(error)["traceback"].rstrip() if with_traceback else text)
        self.said = text

    def _wait(self) -> None:
        self.delay = min(max(SHORTEST, self.delay * 2), LONGEST)
        self.until = time.monotonic() + self.delay
        connections[transitions.alias()].close()
