"""Counts what waits in each queue. It is asked often, so it does not read finished tasks, which may be millions."""

import datetime
from dataclasses import dataclass

from django.db import models
from django.utils import timezone

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.store import transitions


@dataclass(frozen=True, slots=True)
class Backlog:
    queue: str
    ready: int  # may run now
    scheduled: int  # may run later
    running: int
    oldest: float  # seconds that the oldest ready task has waited; 0: there is none


def backlog() -> list[Backlog]:
    """Return the backlog of each queue that has waiting or running tasks, by name."""
    now, status = timezone.now(), TaskResultStatus
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
        Backlog(row["queue_name"], row["ready"], row["scheduled"], row["running"], _age(row["first"], now))
        for row in rows
    ]


def _age(since: datetime.datetime | None, now: datetime.datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()
