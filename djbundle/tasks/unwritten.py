"""What the worker still has to tell the database."""

import logging
from dataclasses import dataclass, field

from django.db import DatabaseError, InterfaceError, OperationalError

from djbundle.tasks import queue
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.messages import Progress
from djbundle.tasks.outcome import Outcome, error_entry
from djbundle.tasks.runs import Run

logger = logging.getLogger("djbundle.tasks")


@dataclass
class Unwritten:
    """How runs ended. Kept until it is written; each under the epoch of its run, so writing it twice does no harm."""

    outcomes: list[Outcome] = field(default_factory=list)
    progress: dict[int, Progress] = field(default_factory=dict)  # the newest of each task
    lost: list[Run] = field(default_factory=list)  # with the process that ran them
    unfinished: list[Run] = field(default_factory=list)  # to be given back

    def __bool__(self) -> bool:
        return bool(self.outcomes or self.lost or self.unfinished)

    def write(self) -> None:
        """Raises what the database raises; then what is not written stays."""
        while self.progress:
            newest = next(iter(self.progress.values()))
            queue.report(newest.pk, newest.epoch, newest.values)
            del self.progress[newest.pk]
        if self.outcomes:
            if dropped := self._finish():
                logger.warning("%d runs had lost their lease; their outcome is dropped", dropped)
            self.outcomes = []
        for runs, write in ((self.lost, queue.lose), (self.unfinished, queue.free)):
            while runs:
                write(runs[-1].record())
                runs.pop()

    def _finish(self) -> int:
        try:
            return queue.finish(self.outcomes)
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError:  # one of them is refused, which must not hold up the others
            return sum(map(_finish_alone, self.outcomes))


def _finish_alone(outcome: Outcome) -> int:
    """A task whose return value the database refuses (NaN in SQLite, \\0 in PostgreSQL) has failed."""
    try:
        return queue.finish([outcome])
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError as error:
        logger.error("the result of task %d cannot be kept: %s", outcome.pk, error)
        failed = Outcome(outcome.pk, outcome.epoch, TaskResultStatus.FAILED, error=error_entry(error))
        return queue.finish([failed])
