"""Counts what waits in each queue, and how long it will take.

It is asked often, so it reads only few of the finished tasks, which may be millions.
"""

import datetime
import math
from collections import Counter
from dataclasses import dataclass

from django.db import models
from django.utils import timezone

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.store import transitions

RATE_WINDOW = datetime.timedelta(minutes=5)  # in which finished tasks count for the rate
MIN_RATE_SECONDS = 60.0  # over which a few finished tasks are spread
RATE_SAMPLE = 5000  # finished tasks, at most


@dataclass(frozen=True, slots=True)
class Backlog:
    queue: str
    ready: int  # may run now
    scheduled: int  # may run later
    running: int
    oldest: float  # seconds that the oldest ready task has waited; 0: there is none
    drain: float  # seconds until the ready tasks have ended at the recent rate; infinity: none has ended recently


def backlog() -> list[Backlog]:
    """Return the backlog of each queue that has waiting or running tasks, by name."""
    now, status = timezone.now(), TaskResultStatus
    rates = _rates(now)
    ready = models.Q(status=status.READY, run_after__lte=now)
    rows = (
        transitions.records()
        .filter(status__in=[status.READY, status.RUNNING])
        .values("queue_name")
        .annotate(
            ready=models.Count("pk", filter=ready),
            scheduled=models.Count("pk", filter=models.Q(status=status.READY, run_after__gt=now)),
            running=models.Count("pk", filter=models.Q(status=status.RUNNING)),
            first=models.Min("run_after", filter=ready),
        )
        .order_by("queue_name")
    )
    return [
        Backlog(
            queue=row["queue_name"],
            ready=row["ready"],
            scheduled=row["scheduled"],
            running=row["running"],
            oldest=_age(row["first"], now),
            drain=_seconds_to_drain(row["ready"], rates.get(row["queue_name"], 0.0)),
        )
        for row in rows
    ]


def _rates(now: datetime.datetime) -> dict[str, float]:
    """Return how many tasks of each queue have ended each second, of late."""
    ended = list(
        transitions.records()
        .filter(finished_at__gt=now - RATE_WINDOW)
        .order_by("-finished_at")
        .values_list("queue_name", "finished_at")[:RATE_SAMPLE]
    )
    if not ended:
        return {}
    oldest = ended[-1][1]
    seconds = max(_age(oldest, now), 0.001 if len(ended) == RATE_SAMPLE else MIN_RATE_SECONDS)
    return {queue: count / seconds for queue, count in Counter(queue for queue, _ in ended).items()}


def _seconds_to_drain(ready: int, rate: float) -> float:
    if not ready:
        return 0.0
    return ready / rate if rate else math.inf


def _age(since: datetime.datetime | None, now: datetime.datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()
