"""Promises about when a task runs."""

import datetime

from django.utils import timezone

from djbundle.tasks.conformance import jobs
from djbundle.tasks.conformance.promise import expect, subject
from djbundle.tasks.conformance.testbed import Testbed

promise = subject("Times and priorities")

DELAY = 3.0  # seconds
TASKS = 40


def after(seconds: float) -> datetime.datetime:
    return timezone.now() + datetime.timedelta(seconds=seconds)


@promise
def a_delayed_task_runs_at_its_time_and_not_before(bed: Testbed) -> None:
    """Delay a task by three seconds."""
    due = after(DELAY)
    jobs.fail_until.using(run_after=due).enqueue(bed.folder, 1)
    (ran,) = bed.wait_for_lines(1, "it did not run")
    early = due.timestamp() - ran
    expect(early <= 0, f"it ran {early:.2f} s early")


@promise
def a_delayed_task_outlives_its_workers(bed: Testbed) -> None:
    """Kill the workers while a task is delayed, and start others."""
    bed.workers.require()
    jobs.note.using(run_after=after(DELAY)).enqueue(bed.folder)
    bed.pause()
    bed.workers.kill()
    bed.workers.ensure()
    bed.wait_for_lines(1, "it did not run")
    bed.settle()
    expect(bed.lines().count("ran") == 1, "it ran twice")


@promise
def a_task_may_be_delayed_by_90_days(bed: Testbed) -> None:
    """Enqueue a task for then. Brokers forget messages after two weeks or sooner, or hold them in a worker."""
    result = jobs.note.using(run_after=after(90 * 86400)).enqueue(bed.folder)
    bed.settle()
    expect("ran" not in bed.lines(), "it ran")
    if bed.has_results:
        result.refresh()
        expect(result.status == "READY", f"its status is {result.status}")


@promise
def an_urgent_task_overtakes_those_that_wait(bed: Testbed) -> None:
    """Enqueue forty tasks and then an urgent one while no worker runs."""
    bed.workers.require()
    urgent = jobs.note.using(priority=90)
    bed.workers.stop()
    for number in range(TASKS):
        jobs.note.enqueue(bed.folder, number)
    urgent.enqueue(bed.folder, "urgent")
    bed.workers.ensure()
    lines = bed.wait_for_lines(TASKS + 1)
    place = lines.index("urgent")
    expect(place < TASKS // 3, f"{place} of {TASKS} ran before it")


@promise
def a_task_that_has_not_begun_in_time_expires(bed: Testbed) -> None:
    """Let no worker run until a task with expires=1 has expired."""
    task = bed.using(jobs.note, expires=1)
    bed.workers.require()
    bed.workers.stop()
    result = task.enqueue(bed.folder)
    bed.pause()
    bed.workers.ensure()
    bed.settle()
    expect("ran" not in bed.lines(), "it ran")
    if bed.has_results:
        expect(bed.ended(result).status == "FAILED", f"it ended as {result.status}")
