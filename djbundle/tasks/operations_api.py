"""Operations on tasks and queues, for the command line and the admin."""

import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.context import Cancelled
from djbundle.tasks.models import PausedQueue, TaskRecord
from djbundle.tasks.store import following, transitions, wakeup
from djbundle.tasks.store.deadlocks import retry_after_deadlock
from djbundle.tasks.store.outcome import entry_of

Records = models.QuerySet[TaskRecord]
RECENT_PERIOD = datetime.timedelta(hours=1)


@retry_after_deadlock
def retry(queryset: Records) -> int:
    """Run failed tasks again, as if they were new. Return how many."""
    failed = queryset.filter(status=TaskResultStatus.FAILED)
    count = failed.update(
        status=TaskResultStatus.READY,
        run_after=timezone.now(),
        started_at=None,
        finished_at=None,
        expires_at=None,
        cancelled_at=None,
        errors=[],
        progress=None,
        losses=0,
        worker_losses=None,
        unique_key="",  # an equal task may exist by now
    )
    wakeup.send_on_commit(transitions.alias())
    return count


@retry_after_deadlock
def run_now(queryset: Records) -> int:
    """Make scheduled tasks due now. Return how many."""
    waiting = queryset.filter(status=TaskResultStatus.READY, run_after__gt=timezone.now())
    count = waiting.update(run_after=timezone.now())
    wakeup.send_on_commit(transitions.alias())
    return count


@retry_after_deadlock
def cancel(queryset: Records) -> int:
    """Fail tasks that wait, and ask running tasks to stop. Return how many of both."""
    now = timezone.now()
    entry = entry_of(Cancelled, transitions.CANCELLED)
    waiting = queryset.filter(status=TaskResultStatus.READY)
    failed = waiting.update(
        status=TaskResultStatus.FAILED, cancelled_at=now, finished_at=now, errors=Appended("errors", json.dumps(entry))
    )
    cancelling = queryset.filter(status=TaskResultStatus.RUNNING, cancelled_at=None).update(cancelled_at=now)
    wakeup.send_on_commit(transitions.alias())
    return failed + cancelling


class Appended(models.Func):
    """A column's JSON list with one more item, which is passed as JSON text."""

    output_field = models.JSONField()

    def __init__(self, column: str, item: str) -> None:
        super().__init__(models.F(column), models.Value(item, models.TextField()))

    def as_sqlite(self, compiler: Any, connection: Any, **_context: Any) -> Any:
        template = "json_insert(%(expressions)s))"
        return self.as_sql(compiler, connection, template=template, arg_joiner=", '$[#]', json(")

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s::jsonb)", arg_joiner=" || ")

    def as_mysql(self, compiler: Any, connection: Any) -> Any:
        return self.as_sql(compiler, connection, template="JSON_MERGE_PRESERVE(%(expressions)s)")


@retry_after_deadlock
def discard(queryset: Records) -> int:
    """Delete tasks that do not run, and return how many. A group that loses a member ends as failed."""
    idle = queryset.exclude(status=TaskResultStatus.RUNNING)
    with transaction.atomic(using=transitions.alias()):
        following.end_groups(idle.using(transitions.alias()))
        return idle.delete()[0]


def purge(older_than: datetime.timedelta) -> int:
    """Delete tasks that finished longer ago than `older_than`. Return how many."""
    return transitions.prune(older_than)


def pause(name: str) -> bool:
    """Stop claiming from a queue. Return False if it was paused already."""
    return PausedQueue.objects.using(transitions.alias()).get_or_create(name=name)[1]


def resume(name: str) -> bool:
    """Claim from a paused queue again. Return False if it was not paused."""
    deleted, _ = PausedQueue.objects.using(transitions.alias()).filter(name=name).delete()
    wakeup.send_on_commit(transitions.alias())
    return bool(deleted)


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The state of one queue now, and its figures for the last hour."""

    queue: str
    paused: bool
    ready: int  # may run now
    scheduled: int  # may run later
    running: int
    failed: int
    oldest: float | None  # seconds that the oldest ready task has waited
    done: int  # in the last hour
    wait: float | None  # mean seconds from due to started, of these
    took: float | None  # mean seconds from started to done, of these


def stats() -> list[QueueStats]:
    """Return the figures of each queue that has tasks or is paused, by name."""
    now = timezone.now()
    paused = set(PausedQueue.objects.using(transitions.alias()).values_list("name", flat=True))
    counts = {row["queue_name"]: row for row in _counts(now)}
    return [_stats_of(name, name in paused, counts.get(name, {}), now) for name in sorted({*counts, *paused})]


def _counts(now: datetime.datetime) -> Iterable[Any]:
    status = TaskResultStatus
    ready = models.Q(status=status.READY, run_after__lte=now)
    recent = models.Q(status=status.SUCCESSFUL, finished_at__gt=now - RECENT_PERIOD)
    wait = models.ExpressionWrapper(
        models.F("last_attempted_at") - models.F("run_after"), output_field=models.DurationField()
    )
    took = models.ExpressionWrapper(
        models.F("finished_at") - models.F("last_attempted_at"), output_field=models.DurationField()
    )
    return (
        transitions.records()
        .values("queue_name")
        .annotate(
            ready=models.Count("pk", filter=ready),
            scheduled=models.Count("pk", filter=models.Q(status=status.READY, run_after__gt=now)),
            running=models.Count("pk", filter=models.Q(status=status.RUNNING)),
            failed=models.Count("pk", filter=models.Q(status=status.FAILED)),
            oldest=models.Min("run_after", filter=ready),
            done=models.Count("pk", filter=recent),
            wait=models.Avg(wait, filter=recent),
            took=models.Avg(took, filter=recent),
        )
    )


def _stats_of(name: str, paused: bool, row: dict[str, Any], now: datetime.datetime) -> QueueStats:
    def seconds(value: datetime.timedelta | None) -> float | None:
        return None if value is None else round(value.total_seconds(), 3)

    oldest = row.get("oldest")
    return QueueStats(
        queue=name,
        paused=paused,
        **{count: row.get(count, 0) for count in ("ready", "scheduled", "running", "failed", "done")},
        oldest=seconds(now - oldest) if oldest else None,
        wait=seconds(row.get("wait")),
        took=seconds(row.get("took")),
    )
