"""Stands between the worker and a database that may not answer: restarted, locked by somebody, out of disk."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import Error, connections

from djbundle.tasks import queue

logger = logging.getLogger("djbundle.tasks")

SHORTEST, LONGEST = 0.1, 5.0  # seconds before it is asked again, doubled with each failure


@dataclass(slots=True)
class Guard:
    """Whatever the worker wants of the database goes through `attempt`."""

    delay: float = 0.0
    until: float = 0.0  # monotonic seconds; it is not asked before
    said: str = ""

    @property
    def left(self) -> float:
        """Seconds until it may be asked again."""
        return self.until - time.monotonic()

    def attempt(self, action: Callable[[], object]) -> bool:
        """Do it; False when the database does not answer, or did not a moment ago."""
        if self.left > 0:
            return False
        try:
            action()
        except Error as error:
            self._fail(error)
            return False
        if self.delay:
            logger.warning("the database answers again")
        self.delay, self.said = 0.0, ""
        return True

    def _fail(self, error: Error) -> None:
        if (text := str(error).strip()) != self.said:
            logger.error("the database does not answer, trying again: %s", text)
        self.said = text
        self.delay = min(max(SHORTEST, self.delay * 2), LONGEST)
        self.until = time.monotonic() + self.delay
        connections[queue.alias()].close()
