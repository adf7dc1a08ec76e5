"""Limits: how many tasks with one key may run at once, and in which order; how many of a queue may start in a period.

Where such limits apply, workers take turns: each reads what runs, chooses, and claims, in one transaction under one
lock. All other tasks are claimed with one statement, without the lock.
"""

import datetime
import re
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connections, models
from django.db.models.expressions import RawSQL
from django.utils import timezone

from djbundle.tasks import backends
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.models import QueueLimit, TaskRecord

PERIODS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # seconds
RATE = re.compile(r"(\d+)/(\d*)([smhd])")
BURST_SECONDS = 1.0  # a queue may start at once as many tasks as its rate allows in this time, at least one
LOCK = {
    "postgresql": "LOCK TABLE {} IN EXCLUSIVE MODE",
    "mysql": "INSERT INTO {} (name, tokens, counted_at) VALUES ('', 0, NOW()) ON DUPLICATE KEY UPDATE tokens = tokens",
}
COLUMNS = "queue_name", "concurrency_key", "concurrency_limit", "max_attempts"
# The condition of the partial index djbundle_tasks_limited must appear literally: otherwise SQLite does not use it. The
# "+ 0" keeps SQLite from taking the primary key instead, by which it would read all finished tasks.
FIRST_OF_ITS_KEY = """
{table}.in_order IS NULL OR NOT EXISTS (SELECT 1 FROM {table} earlier
    WHERE NOT (earlier.concurrency_key = '') AND earlier.status IN ('READY', 'RUNNING')
    AND earlier.concurrency_key = {table}.concurrency_key AND earlier.in_order AND earlier.id + 0 < {table}.id)
"""
LOCK_BY_WRITING = "UPDATE {} SET tokens = tokens WHERE 1 = 0"  # SQLite has one writer


@dataclass(frozen=True, slots=True)
class Rate:
    """The number of tasks that may start in a period, spread evenly over it."""

    count: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Parse ``"100/m"`` (100 a minute) or ``"10/30s"``. Raise ImproperlyConfigured if the text is not valid."""
        match = RATE.fullmatch(text) if isinstance(text, str) else None
        if not match or not int(match[1]) or match[2] == "0":
            raise ImproperlyConfigured(f'A rate limit is written as "100/m" or "10/30s", not {text!r}.')
        return cls(int(match[1]), int(match[2] or 1) * PERIODS[match[3]])

    @property
    def burst(self) -> float:
        """The most tokens that are saved up while nothing starts."""
        return max(1.0, self.count * BURST_SECONDS / self.seconds)

    def tokens(self, limit: QueueLimit, now: datetime.datetime) -> float:
        passed = max(0.0, (now - limit.counted_at).total_seconds())
        return min(self.burst, limit.tokens + passed * self.count / self.seconds)


def rates() -> dict[str, Rate]:
    """Return the rates by queue, of all backends that keep their tasks here."""
    return {
        name: Rate.parse(text)
        for backend in backends.ours()
        for name, text in backend.options.get("RATE_LIMITS", {}).items()
    }


def choose(due: models.QuerySet[TaskRecord], limited: dict[str, Rate], count: int) -> list[int]:
    """Return the keys of up to `count` of the tasks in `due`, in their order, that no limit forbids.

    Call it in the transaction that also claims them.
    """
    lock(due.db)
    due = in_turn(due)
    allowance = _Allowance(due.db, limited)
    chosen: list[int] = []
    while len(chosen) < count:
        open_ = due.exclude(pk__in=chosen).exclude(concurrency_key__in=allowance.full)
        startable = open_.exclude(queue_name__in=allowance.spent).only(*COLUMNS)
        candidates = list(startable[: count - len(chosen)])
        if not candidates:
            break
        chosen += [record.pk for record in candidates if allowance.take(record)]
    allowance.save()
    return chosen


def in_turn(tasks: models.QuerySet[TaskRecord]) -> models.QuerySet[TaskRecord]:
    """Return the tasks without those that have to wait for an earlier one with the same ordering key."""
    table = connections[tasks.db].ops.quote_name(TaskRecord._meta.db_table)
    return tasks.filter(RawSQL(FIRST_OF_ITS_KEY.format(table=table), (), output_field=models.BooleanField()))  # noqa: S611 - of names only


class _Allowance:
    """Counts how many tasks may still start."""

    def __init__(self, alias: str, limited: dict[str, Rate]) -> None:
        self._now = timezone.now()
        self._limits = QueueLimit.objects.using(alias)
        rows = self._limits.in_bulk(list(limited))
        self._tokens = {
            name: rate.tokens(rows[name], self._now) if name in rows else rate.burst for name, rate in limited.items()
        }
        running = TaskRecord.objects.using(alias).filter(status=TaskResultStatus.RUNNING).exclude(concurrency_key="")
        counts = running.values_list("concurrency_key").annotate(models.Count("pk")).order_by()
        self._running: dict[str, int] = dict(counts)
        self.full: set[str] = set()  # keys with which no more may run
        self.spent = {name for name, tokens in self._tokens.items() if tokens < 1}  # queues whose tokens are used up

    def take(self, record: TaskRecord) -> bool:
        """Return whether this task may start, and count it if so."""
        queue_name, key, limit = record.queue_name, record.concurrency_key, record.concurrency_limit or 1
        if queue_name in self.spent or key in self.full:
            return False
        if key and self._running.get(key, 0) >= limit:
            self.full.add(key)
            return False
        if key:
            self._running[key] = self._running.get(key, 0) + 1
        if (
            queue_name in self._tokens and record.max_attempts
        ):  # else the task is only made now, see held.py, and starts later
            self._tokens[queue_name] -= 1
            if self._tokens[queue_name] < 1:
                self.spent.add(queue_name)
        return True

    def save(self) -> None:
        for name, tokens in self._tokens.items():
            values: dict[str, Any] = {"tokens": tokens, "counted_at": self._now}
            self._limits.update_or_create(name=name, defaults=values)


def lock(alias: str) -> None:
    """Let no other process choose until the transaction ends."""
    connection = connections[alias]
    sql = LOCK.get(connection.vendor, LOCK_BY_WRITING)
    with connection.cursor() as cursor:
        cursor.execute(sql.format(connection.ops.quote_name(QueueLimit._meta.db_table)))
