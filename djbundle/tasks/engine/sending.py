"""The statements of the relay, which sends the keys of due tasks to the broker.

A row that was sent keeps its status, READY, and has the time in `sent_at`. A claim clears it. A row that no worker
claims in time is sent again: its message may be lost, or its worker gone. Tasks with a limit are not sent. Workers
choose among them together (store/limits.py), and claim them from the table.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from django.db import connections, models, transaction
from django.utils import timezone

from djbundle.tasks import backends
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.engine import marking
from djbundle.tasks.engine.marking import Row
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import limits, wakeup
from djbundle.tasks.store.claim import startable
from djbundle.tasks.store.durability import relaxed
from djbundle.tasks.store.transitions import alias, records

RESEND_AFTER = datetime.timedelta(seconds=60)  # without a claim
QUICK = 16  # tasks that are marked with one statement, at least
REFUSED_DELAY = datetime.timedelta(seconds=1)  # before a task is sent again that its worker could not take


def waiting() -> models.QuerySet[TaskRecord]:
    """Return the due tasks that the broker does not have, the most urgent first."""
    tasks = startable().filter(sent_at__isnull=True, concurrency_key="")
    return tasks.exclude(queue_name__in=[*limits.rates()])


def count_sent() -> dict[str, int]:
    """Return how many sent tasks wait for a worker, by queue."""
    sent_tasks = records().filter(status=TaskResultStatus.READY, sent_at__isnull=False).order_by()
    return dict(sent_tasks.values_list("queue_name").annotate(models.Count("pk")))


def oldest_waiting() -> float:
    """Return how many seconds the oldest due task that was not sent has waited; 0 if there is none."""
    first = waiting().order_by().aggregate(first=models.Min("run_after"))["first"]
    return 0.0 if first is None else (timezone.now() - first).total_seconds()


class Sent(NamedTuple):
    """Tasks that are marked as sent."""

    keys: dict[str, list[int]]  # by the name of the broker's queue
    counts: dict[str, int]  # by queue
    is_last: bool  # no further task waits for a queue that has room


def mark_sent(limit: int, room_of: Callable[[str], int], full: Collection[str] = (), certain_room: int = 0) -> Sent:
    """Mark up to `limit` waiting tasks as sent, limited by the room of their queues. Skip the queues that are `full`.

    Each other queue has room for at least `certain_room` tasks.
    """
    if certain_room >= QUICK and marking.can_mark(alias()):
        limit = min(limit, certain_room)
        rows = marking.mark(alias(), limit, [*full, *limits.rates()])
        return Sent(_by_broker_queue(rows), Counter(queue for _, queue, _ in rows), len(rows) < limit)
    candidates, rows, counts = _choose_and_mark(limit, room_of, full)
    return Sent(_by_broker_queue(rows), counts, len(candidates) < limit)


def _choose_and_mark(
    limit: int, room_of: Callable[[str], int], full: Collection[str]
) -> tuple[list[Row], list[Row], Counter[str]]:
    """Mark tasks in two steps. Return the candidates, those of them that are marked, and how many of each queue."""
    connection = connections[alias()]
    with relaxed(connection), transaction.atomic(using=connection.alias):
        chosen = waiting().exclude(queue_name__in=full) if full else waiting()
        if connection.features.has_select_for_update:
            chosen = chosen.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
        candidates = list(chosen.values_list("pk", "queue_name", "backend")[:limit])
        rows, counts = _as_room_allows(candidates, room_of)
        records().filter(pk__in=[key for key, _, _ in rows]).update(sent_at=timezone.now())
    return candidates, rows, counts


def _as_room_allows(rows: Sequence[Row], room_of: Callable[[str], int]) -> tuple[list[Row], Counter[str]]:
    """Return the rows for which their queue has room, and how many of each queue these are."""
    rooms: dict[str, int] = {}
    counts: Counter[str] = Counter()
    allowed = []
    for row in rows:
        queue = row[1]
        if counts[queue] < rooms.setdefault(queue, room_of(queue)):
            counts[queue] += 1
            allowed.append(row)
    return allowed, +counts


def _by_broker_queue(rows: Sequence[Row]) -> dict[str, list[int]]:
    known = {backend.alias: set(backend.queues) for backend in backends.usable()}
    keys: defaultdict[str, list[int]] = defaultdict(list)
    for key, queue_name, backend in rows:
        keys[queue_name if queue_name in known.get(backend, ()) else ""].append(key)
    return keys


def unmark(keys: Sequence[int], *, is_refused: bool = False) -> None:
    """Have these tasks sent again: at once, or a moment later if a worker could not take them."""
    sent_at = timezone.now() - RESEND_AFTER + REFUSED_DELAY if is_refused else None
    with transaction.atomic(using=alias()):
        records().filter(pk__in=keys, status=TaskResultStatus.READY, sent_at__isnull=False).update(sent_at=sent_at)
        if not is_refused:
            wakeup.send_on_commit(alias())


def unmark_lost() -> int:
    """Have tasks sent again that no worker has claimed in time. Return how many."""
    unclaimed = records().filter(status=TaskResultStatus.READY, sent_at__lt=timezone.now() - RESEND_AFTER)
    return unclaimed.update(sent_at=None)


def queues_of(names: Iterable[str] = ()) -> list[str]:
    """Return the broker's queues for these queues of tasks, or for all of them.

    "" is the queue for tasks of a backend that takes any queue name.
    """
    if names:
        return [*names]
    known = [set(backend.queues) for backend in backends.usable()]
    return [*sorted(set().union(*known)), ""]
