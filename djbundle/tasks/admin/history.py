"""The tasks that finished in the last 24 hours, hour by hour.

The database counts over ranges of the index on `finished_at`, in one statement with a part for each hour. Times come
from a sample of at most SAMPLE rows of each hour. This works alike on SQLite and PostgreSQL, which truncate and
subtract times differently. A million rows take SQLite two seconds.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, QuerySet, Value
from django.utils import timezone

from djbundle.tasks.admin.texts import local, seconds_between
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import transitions

HOURS = 24
SAMPLE = 500  # rows


@dataclass(slots=True)
class Hour:
    begin: datetime.datetime
    end: datetime.datetime
    done: int = 0
    failed: int = 0
    waits: list[float] = field(default_factory=list)  # seconds, sorted
    runs: list[float] = field(default_factory=list)  # the same

    @property
    def finished(self) -> int:
        return self.done + self.failed


@dataclass(frozen=True, slots=True)
class History:
    hours: list[Hour]
    done: Counter[str]  # by queue
    failed: Counter[str]
    waits: dict[str, list[float]]


def history(now: datetime.datetime) -> History:
    """Return the history. Its last hour has not ended yet."""
    hours = list(_hours(now))
    result = History(hours, Counter(), Counter(), defaultdict(list))
    for number, name, status, count in _counts(hours):
        hour = hours[number]
        if status == TaskResultStatus.SUCCESSFUL:
            hour.done += count
            result.done[name] += count
        else:
            hour.failed += count
            result.failed[name] += count
    for number, name, due, started_at, ended_at in _sample(hours):
        if (wait := seconds_between(due, started_at)) is not None:
            hours[number].waits.append(wait)
            result.waits[name].append(wait)
        if (took := seconds_between(started_at, ended_at)) is not None:
            hours[number].runs.append(took)
    for hour in hours:
        hour.waits.sort()
        hour.runs.sort()
    return result


def percentile(values: list[float], percent: int) -> float | None:
    """Return the percentile of sorted values, by the nearest rank."""
    return values[max(0, -(-len(values) * percent // 100) - 1)] if values else None


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _hours(now: datetime.datetime) -> Iterator[Hour]:
    """Yield the hours, in UTC so that each has 60 minutes. They begin at a full hour of the local time."""
    first = local(now).replace(minute=0, second=0, microsecond=0)
    if timezone.is_aware(first):
        first = first.astimezone(datetime.UTC)
    for number in reversed(range(HOURS)):
        begin = first - datetime.timedelta(hours=number)
        yield Hour(begin, begin + datetime.timedelta(hours=1))


def _counts(hours: list[Hour]) -> Iterable[Any]:
    """Return hour, queue, status and number."""
    parts = [
        _in(hour)
        .annotate(hour=Value(number))
        .values("hour", "queue_name", "status")
        .annotate(count=Count("pk"))
        .values_list("hour", "queue_name", "status", "count")
        for number, hour in enumerate(hours)
    ]
    return parts[0].union(*parts[1:], all=True)


def _sample(hours: list[Hour]) -> Iterable[Any]:
    """Return hour, queue, and the times when a task was due, started and finished, of each n-th row."""
    columns = ("hour", "queue_name", "run_after", "last_attempted_at", "finished_at")
    parts = [
        _in(hour)
        .annotate(hour=Value(number), place=F("pk") % -(-hour.finished // SAMPLE))
        .filter(place=0, last_attempted_at__isnull=False)
        .values_list(*columns)
        for number, hour in enumerate(hours)
        if hour.finished
    ]
    return parts[0].union(*parts[1:], all=True) if parts else []


def _in(hour: Hour) -> QuerySet[TaskRecord]:
    return transitions.records().filter(finished_at__gte=hour.begin, finished_at__lt=hour.end).order_by()
