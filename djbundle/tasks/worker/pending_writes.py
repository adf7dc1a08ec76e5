"""The pending writes of the worker to the database.

If the database refuses a row, that task fails, and the rest is written. If the database does not answer, everything
waits. Some databases report both in the same way (MySQL for a text that is too long), so after several failed attempts
each row is tried alone.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import InterfaceError, OperationalError

from djbundle.tasks.store import leases, transitions
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome, error_entry, failure, last_line, safe_repr
from djbundle.tasks.worker.protocol import ProgressMessage

logger = logging.getLogger("djbundle.tasks")

UNAVAILABLE = OperationalError, InterfaceError  # the database does not answer: try again later
MAX_FAILED_WRITES = 10  # attempts in a row, about half a minute with the pauses of database_backoff.py


@dataclass
class PendingWrites:
    """Outcomes and other changes that are not yet written.

    Each names the epoch of its run, so writing it twice does no harm.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    progress: dict[int, ProgressMessage] = field(default_factory=dict)  # the newest for each task
    crashed: list[Run] = field(default_factory=list)  # their process died
    unfinished: list[Run] = field(default_factory=list)  # to be given back
    not_started: list[Run] = field(default_factory=list)  # to be given back as if they had never been claimed
    failed_writes: int = 0  # attempts in a row to write outcomes

    def __bool__(self) -> bool:
        return bool(self.outcomes or self.crashed or self.unfinished or self.not_started)

    def write(self) -> None:
        """Write all. If the database does not answer, raise its error and keep what is not written."""
        while self.progress:
            last = next(iter(self.progress.values()))
            _write_one(
                last.pk,
                lambda last=last: transitions.write_progress(last.pk, last.epoch, last.values),  # type: ignore[misc]
            )
            del self.progress[last.pk]
        if self.outcomes:
            if dropped := self._finish():
                logger.warning("%d runs had lost their lease; their outcome is dropped", dropped)
            self.outcomes, self.failed_writes = [], 0
        self.give_back()

    def give_back(self) -> None:
        """Give back what other workers may take. Write no outcomes."""
        for runs, write in ((self.crashed, leases.record_crash), (self.unfinished, transitions.give_back)):
            while runs:
                _write_one(runs[-1].pk, lambda run=runs[-1], write=write: write(run.record()))  # type: ignore[misc]
                runs.pop()
        if self.not_started:
            transitions.unclaim(self.not_started)
            self.not_started = []

    def _finish(self) -> int:
        try:
            return transitions.finish(self.outcomes)
        except UNAVAILABLE:
            self.failed_writes += 1
            if self.failed_writes < MAX_FAILED_WRITES:
                raise
        except BaseException as error:
            logger.debug("outcomes are written one by one: %s", safe_repr(error))
        return self._finish_one_by_one()

    def _finish_one_by_one(self) -> int:
        dropped = 0
        while self.outcomes:
            dropped += _finish_alone(self.outcomes[0], can_wait=self.failed_writes < MAX_FAILED_WRITES)
            del self.outcomes[0]
        return dropped


def _finish_alone(outcome: Outcome, *, can_wait: bool) -> int:
    """Write one outcome. If the database refuses it, the task fails."""
    try:
        return transitions.finish([outcome])
    except UNAVAILABLE as error:
        if can_wait:
            raise
        transitions.is_writable(outcome)  # raises if the database does not refuse only this outcome
        refused = error_entry(error)
    except BaseException as error:
        refused = error_entry(error)
    logger.error("the outcome of task %d cannot be kept: %s", outcome.pk, last_line(refused))
    failed = failure(outcome.pk, outcome.epoch, refused)
    return _write_one(outcome.pk, lambda: transitions.finish([failed])) or 0


def _write_one(pk: int, write: Callable[[], int | None]) -> int | None:
    """Write one row. Also return None if the database refuses it, since that must not hold up the other rows."""
    try:
        return write()
    except UNAVAILABLE:
        raise
    except BaseException as error:
        logger.error("what became of task %d cannot be written\n%s", pk, error_entry(error)["traceback"].rstrip())
        return None
