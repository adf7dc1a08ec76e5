"""The worker's side of tasks that came as whole messages. Each that does not simply succeed gets a row.

So the database knows what failed, waits for another attempt, was not started, or takes long; and what it knows has a
lease, a history and a page in the admin. Until then the message is not acknowledged. If this worker dies, the broker
delivers it again, and the task gets a row at once: another death would then be counted.
"""

import json
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from django.db import transaction

from djbundle.common.periodic import Periodic
from djbundle.tasks import options
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.engine import direct
from djbundle.tasks.models import PausedQueue, TaskRecord
from djbundle.tasks.store import clock
from djbundle.tasks.store.claimed_run import INDEXES, NAMES, Run
from djbundle.tasks.store.outcome import Outcome, safe_repr
from djbundle.tasks.store.transitions import alias
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.worker.pending_writes import UNAVAILABLE, PendingWrites

logger = logging.getLogger("djbundle.tasks")

MAX_WAIT = 1.0  # seconds that a task waits here for a process
CHECKS = 6  # for runs that take long, within the time that a run may take without a row
QUEUE_NAME = INDEXES["queue_name"]


@dataclass(eq=False)
class DirectRun:
    """A run of a task that has no row yet, or got one while it ran."""

    run: Run
    message: int | None  # its number; None once it needs no acknowledgement
    received_at: float  # monotonic seconds
    row: int | None = None  # key of its row; its own if the database refuses to keep one


@dataclass
class DirectRuns:
    """The direct runs of a worker.

    `acknowledge` gets the number of each message whose tasks all have ended or got rows.
    """

    identity: Identity
    acknowledge: Callable[[int], object]
    max_seconds: float  # that a task may take without a row: less than the time after which it is delivered again
    waiting: deque[DirectRun] = field(default_factory=deque)  # for a process
    _open: dict[int, DirectRun] = field(default_factory=dict)  # by the key of the run
    _unsettled: Counter[int] = field(default_factory=Counter)  # tasks that are neither ended nor have rows, by message
    _returned: list[Run] = field(default_factory=list)  # that this worker does not run
    _ended: list[DirectRun] = field(default_factory=list)  # their last writes are under way

    def __post_init__(self) -> None:
        self._long = Periodic(self.max_seconds / CHECKS, self._give_rows_to_long)

    def receive(self, message: int, tasks: bytes, *, is_redelivered: bool) -> int:
        """Take the tasks of a message. Return how many the message had."""
        values = json.loads(tasks)
        unpacked = [run for each in values if (run := direct.unpacked(each, alias(), str(self.identity)))]
        runs = {run.pk: run for run in unpacked}.values()  # a stranger may send one twice
        new = [DirectRun(run, message, time.monotonic()) for run in runs if run.pk not in self._open]
        again = [each for run in runs if (each := self._open.get(run.pk)) and each.message is None and each.row is None]
        for each in again:  # its first message came over a connection that is gone
            each.message = message
        self._unsettled[message] = len(new) + len(again)
        self._open |= {each.run.pk: each for each in new}
        if is_redelivered:
            self._returned += [each.run for each in new]
        else:
            self.waiting.extend(new)
        self._acknowledge_settled([message])
        return len(values)

    def take(self, room: int) -> list[Run]:
        """Return up to `room` runs that may start now."""
        if not self.waiting:
            return []
        paused = set(PausedQueue.objects.using(alias()).values_list("name", flat=True))
        taken: list[Run] = []
        while self.waiting and (len(taken) < room or self._is_late(self.waiting[0])):
            next_run = self.waiting.popleft()
            is_paused = next_run.run.row[QUEUE_NAME] in paused
            (self._returned if is_paused or len(taken) >= room else taken).append(next_run.run)
        return taken

    @staticmethod
    def _is_late(waiting: DirectRun) -> bool:
        return time.monotonic() - waiting.received_at > MAX_WAIT

    def return_waiting(self) -> None:
        """Start no more waiting runs."""
        self._returned += [each.run for each in self.waiting]
        self.waiting.clear()

    # --- rows ---

    def settle(self, writes: PendingWrites) -> None:
        """Drop runs that need no row. Give rows to the others, so that their outcomes can be written."""
        self._long.run()
        writes.not_started += self._returned
        self._returned = []
        writes.outcomes = [each for each in writes.outcomes if not self._is_done(each)]
        lists = (writes.crashed, writes.unfinished, writes.not_started)
        unwritten = {each.pk for runs in (writes.outcomes, *lists) for each in runs} & self._open.keys()
        self._give_rows([self._open[pk] for pk in unwritten])
        writes.outcomes = [each._replace(pk=self._row_of(each.pk)) for each in writes.outcomes]
        for runs in lists:
            runs[:] = [run._replace(pk=self._row_of(run.pk)) for run in runs]
        written = {self._row_of(pk): each for pk, each in writes.progress.items()}
        writes.progress = {pk: replace(each, pk=pk) for pk, each in written.items() if pk > 0}
        for pk in unwritten:
            self._ended.append(self._open.pop(pk))

    def _is_done(self, outcome: Outcome) -> bool:
        """Return whether nothing of this outcome needs to be written."""
        ended = self._open.get(outcome.pk)
        if ended is None:
            return outcome.pk < 0  # of a run that has been given up
        is_plain = outcome.status == TaskResultStatus.SUCCESSFUL and not outcome.is_held and ended.row is None
        if is_plain:
            self._ended.append(self._open.pop(outcome.pk))
        return is_plain

    def _row_of(self, pk: int) -> int:
        """Return the key of the row of a direct run; any other key as it is."""
        known = self._open.get(pk)
        return known.row if known and known.row is not None else pk

    def _give_rows(self, runs: Iterable[DirectRun]) -> None:
        """Write rows as if this worker had claimed them."""
        without = [each for each in runs if each.row is None]
        if not without:
            return
        database = alias()
        lease_until = clock.now(database) + options.lease()
        records = [_record(each.run, str(self.identity), lease_until) for each in without]
        try:
            _insert(records)
        except UNAVAILABLE:
            raise
        except Exception:
            for record in records:
                _insert_or_drop(record)
        for each, record in zip(without, records, strict=True):
            each.row = each.run.pk if record.pk is None else record.pk

    def _give_rows_to_long(self) -> None:
        """Give rows to runs that take long: their lease protects them from now on, and not the message."""
        before = time.monotonic() - self.max_seconds
        waiting = {id(each) for each in self.waiting}
        long = [each for each in self._open.values() if each.received_at < before and id(each) not in waiting]
        self._give_rows(long)
        self._release(long)

    def acknowledge_written(self) -> None:
        """Acknowledge the messages whose tasks need no more writes."""
        ended, self._ended = self._ended, []
        self._release(ended)

    def _release(self, runs: Sequence[DirectRun]) -> None:
        messages = {each.message for each in runs if each.message is not None}
        for each in runs:
            if each.message is not None:
                self._unsettled[each.message] -= 1
            each.message = None
        self._acknowledge_settled(messages)

    def _acknowledge_settled(self, messages: Iterable[int]) -> None:
        for message in messages:
            if self._unsettled[message] <= 0:
                del self._unsettled[message]
                self.acknowledge(message)

    def forget_messages(self) -> None:
        """Forget the numbers of messages: the broker delivers them again, over a new connection."""
        self._unsettled.clear()
        for each in [*self._open.values(), *self._ended]:
            each.message = None

    @property
    def rows(self) -> dict[int, int]:
        """The keys of the runs that got rows, by the keys of these rows."""
        return {each.row: pk for pk, each in self._open.items() if each.row is not None}


def _insert(records: Sequence[TaskRecord]) -> None:
    with transaction.atomic(using=alias()):
        for record in records:
            record.save(using=alias(), force_insert=True)


def _insert_or_drop(record: TaskRecord) -> None:
    """Write one row. Drop the task if the database refuses it: the others must not wait for it."""
    record.pk = None  # it is that of an attempt that was rolled back
    try:
        _insert([record])
    except UNAVAILABLE:
        raise
    except Exception as error:
        record.pk = None
        logger.error("dropping a task of the broker, as the database refuses it: %s", safe_repr(error))


def _record(run: Run, worker: str, lease_until: object) -> TaskRecord:
    known = run.record()
    values = {name: getattr(known, name) for name in NAMES if name != "id"}
    return TaskRecord.new(**values, worker=worker, lease_until=lease_until)
