"""The worker's part of schedules: it writes declarations into the table, and enqueues each tick once.

A tick is one transaction: ``next_run`` moves on, if it still is what this worker has read, and the task is enqueued. So
only one of any number of workers enqueues it, and after a crash another worker does.

The worker imports the modules of the project, and runs no other code of it. A task that needs such code is written as a
row, from which a process makes a task, as with a task that follows another.
"""

import datetime
import logging
import math
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, models, transaction
from django.utils import timezone

from djbundle.tasks import schedules
from djbundle.tasks.compat import Task, TaskResult
from djbundle.tasks.models import Schedule
from djbundle.tasks.schedules import Declaration
from djbundle.tasks.store import following, held, releases, transitions
from djbundle.tasks.store.outcome import error_entry
from djbundle.tasks.validators import load_task

logger = logging.getLogger("djbundle.tasks")

SYNC_INTERVAL = 30.0  # seconds between checks whether newer code is gone; only the newest code writes its declarations
CHECK_INTERVAL = 1.0  # seconds between checks for schedules that other processes have changed
SKIP_SECONDS = 300.0  # seconds until a schedule that cannot be run is retried; another worker may know its task
MAX_MISSED = 1000  # runs for ticks that were missed


def rows() -> models.QuerySet[Schedule]:
    return Schedule.objects.using(transitions.alias())


class Scheduler:
    """Enqueues ticks. The worker calls `enqueue_due` in each turn of its loop, and waits for `seconds_left` at most."""

    def __init__(self) -> None:
        self._synced = False
        self._next_sync = 0.0  # monotonic seconds
        self._next_check = 0.0  # monotonic seconds
        self._next_run: datetime.datetime | None = None
        self._skipped: dict[int, float] = {}  # schedules that cannot be run: until when, by key, monotonic seconds

    def enqueue_due(self) -> None:
        """Enqueue what is due. Ask the database when a known tick has come, or once a second."""
        if not self._synced and time.monotonic() >= self._next_sync:
            self._synced, self._next_sync = sync(), time.monotonic() + SYNC_INTERVAL
        if self.seconds_left() > 0 and time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + CHECK_INTERVAL
        self._skipped = {pk: until for pk, until in self._skipped.items() if until > time.monotonic()}
        self._next_run = self._earliest_run()
        if self.seconds_left() <= 0:
            self._run_ticks(timezone.now())
            self._next_run = self._earliest_run()

    def seconds_left(self) -> float:
        """Return the seconds until the next tick."""
        return math.inf if self._next_run is None else max(0.0, (self._next_run - timezone.now()).total_seconds())

    def _run_ticks(self, now: datetime.datetime) -> None:
        for schedule in self._waiting().filter(next_run__lte=now).order_by("next_run"):
            failure_text = f'schedule "{schedule}" is skipped for {SKIP_SECONDS:.0f} s'
            if not _try(failure_text, partial(run_tick, schedule, now)):
                self._skipped[schedule.pk] = time.monotonic() + SKIP_SECONDS

    def _waiting(self) -> models.QuerySet[Schedule]:
        return rows().filter(enabled=True, next_run__isnull=False).exclude(pk__in=list(self._skipped))

    def _earliest_run(self) -> datetime.datetime | None:
        return self._waiting().order_by("next_run").values_list("next_run", flat=True).first()


def run_tick(schedule: Schedule, now: datetime.datetime) -> bool:
    """Enqueue the tick `next_run` and the missed ticks until now. Return False if another worker was first."""
    tick = schedule.next_run
    if tick is None:
        return False
    task, runs = load_task(schedule.task_path), _count_runs(schedule, tick, now)
    changes = {"next_run": schedule.timing.following(tick, now)} | ({"last_run": now} if runs else {})
    with transaction.atomic(using=transitions.alias()):
        if not rows().filter(pk=schedule.pk, next_run=tick, enabled=True).update(**changes):
            return False
        for _ in range(runs):
            _enqueue(_call_of(task, schedule), schedule.args)
    return True


def _call_of(task: Task, schedule: Schedule) -> dict[str, Any]:  # type: ignore[type-arg,unused-ignore]
    """Return the call of a schedule, as calls of a workflow are kept."""
    names = ("queue_name", "priority", "backend", "timeout")
    options = {name: value for name in names if (value := getattr(task, name, None)) is not None}
    if isinstance(timeout := options.get("timeout"), datetime.timedelta):
        options["timeout"] = timeout.total_seconds()
    return {"task": schedule.task_path, "kwargs": schedule.kwargs, "using": options}


def _enqueue(call: dict[str, Any], args: list[Any]) -> None:
    if not following.enqueue_plain(call, args):
        held.add(call, args, None, transitions.alias())


def _count_runs(schedule: Schedule, tick: datetime.datetime, now: datetime.datetime) -> int:
    """Return how many runs all ticks from `tick` until now need."""
    timing = schedule.timing
    if schedule.missed == Schedule.Missed.ONCE:
        return 1
    if schedule.missed == Schedule.Missed.SKIP:
        return 0 if timing.is_missed(tick, now) else 1
    runs = timing.count(tick, now, MAX_MISSED + 1)
    if runs > MAX_MISSED:
        logger.warning('schedule "%s" has missed more than %d ticks; so many are run', schedule, MAX_MISSED)
    return min(runs, MAX_MISSED)


def run_now(schedule: Schedule) -> TaskResult:  # type: ignore[type-arg,unused-ignore]
    """Enqueue the task of the schedule in addition to its ticks."""
    task = load_task(schedule.task_path)
    with transaction.atomic(using=transitions.alias()):
        rows().filter(pk=schedule.pk).update(last_run=timezone.now())
        return task.enqueue(*schedule.args, **schedule.kwargs)


def set_enabled(selected: Iterable[Schedule], *, enabled: bool) -> int:
    """Enable or disable schedules, and return how many changed.

    Ticks that pass while a schedule is disabled are not missed.
    """
    changed = [schedule for schedule in selected if schedule.enabled != enabled]
    for schedule in changed:
        schedule.enabled = enabled
        schedule.save(update_fields=["enabled"])
    return len(changed)


def sync() -> bool:
    """Bring the declarations of the code into the table. If a worker of newer code is alive, return False instead.

    A row changes only if its declaration has changed, so changes in the admin stay until then.
    """
    if newer := releases.newer():
        logger.info("schedules are left as version %s of the code declares them; this is %s", newer, releases.name())
        return False
    broken = schedules.discover()
    for declaration in list(schedules.declarations.values()):
        _try(f'schedule "{declaration.name}" cannot be kept', partial(_sync_declaration, declaration))
    _disable_undeclared(broken)
    return True


def _sync_declaration(declaration: Declaration) -> None:
    values = declaration.values()
    row, created = rows().get_or_create(name=declaration.name, defaults=values)
    if created or row.declared == declaration.digest:
        return
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=list(values))


def _disable_undeclared(broken: list[str]) -> None:
    """Disable schedules that are no longer declared, unless the code of their app cannot be imported.

    They are not deleted. If a declaration comes back, as when the site is rolled back and forth, `last_run` keeps a
    schedule that runs once from running again.
    """
    for row in rows().filter(in_code=True).exclude(name__in=list(schedules.declarations)):
        if not any(row.task_path.startswith(f"{app}.") for app in broken):
            rows().filter(pk=row.pk).update(in_code=False, declared="", enabled=False)
            logger.warning('schedule "%s" is no longer in the code and is disabled', row)


def _try(failure_text: str, action: Callable[[], object]) -> bool:
    """Return whether it succeeded; a schedule that fails harms no other.

    If the database does not answer, raise its error: the worker handles that.
    """
    try:
        action()
    except (OperationalError, InterfaceError):
        raise
    except ValidationError as error:
        logger.error("%s: %s", failure_text, " ".join(error.messages))
    except BaseException as error:  # a module of tasks may even exit
        logger.error("%s: %s", failure_text, error_entry(error)["traceback"].rstrip())
    else:
        return True
    return False
