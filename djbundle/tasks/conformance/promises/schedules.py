"""Promises about schedules."""

import datetime
from typing import Any

from django.utils import timezone

from djbundle.tasks.conformance import jobs
from djbundle.tasks.conformance.promise import expect, subject
from djbundle.tasks.conformance.testbed import Testbed

promise = subject("Schedules")

TICKS = 4


def add(bed: Testbed, **values: Any) -> Any:
    """Add a schedule. Raise Refused if the backend has none."""
    bed.require_ours("schedules")
    from djbundle.tasks.models import Schedule  # noqa: PLC0415 - needs the app

    name = f"conformance {bed.folder}"
    return Schedule.objects.create(name=name, task_path=jobs.note.module_path, args=[bed.folder], **values)


def disable(schedule: Any) -> None:
    """End the schedule, and read when it would have run next."""
    type(schedule).objects.filter(pk=schedule.pk).update(enabled=False)
    schedule.refresh_from_db()


@promise
def each_tick_of_a_schedule_runs_once_with_two_workers(bed: Testbed) -> None:
    """Let a task run each second."""
    first = timezone.now()
    schedule = add(bed, interval=1, missed="all", next_run=first)
    bed.workers.start()
    bed.wait_for_lines(TICKS)
    disable(schedule)
    ticks = round((schedule.next_run - first).total_seconds())
    bed.wait(lambda: len(bed.lines()) >= ticks, lambda: f"{ticks} ticks have passed, and {len(bed.lines())} ran")
    bed.settle()
    expect(len(bed.lines()) == ticks + 1, f"{ticks} ticks have passed, and {len(bed.lines()) - 1} ran")


@promise
def ticks_that_were_missed_run_once_or_as_the_schedule_says(bed: Testbed) -> None:
    """Add a schedule that has missed ten ticks, with missed="once"."""
    first = timezone.now() - datetime.timedelta(hours=9, minutes=30)
    schedule = add(bed, interval=3600, missed="once", next_run=first)
    bed.wait_for_lines(1, "no tick ran")
    bed.settle()
    disable(schedule)
    expect(bed.lines() == ["ran", "settled"], f"{len(bed.lines()) - 1} ticks ran")
    expect(schedule.next_run > timezone.now(), "the next tick is in the past")
