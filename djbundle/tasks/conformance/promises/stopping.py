"""Promises about cancelling, and about workers that are asked to stop."""

from typing import Any

from djbundle.tasks.conformance import jobs
from djbundle.tasks.conformance.promise import InPart, expect, subject
from djbundle.tasks.conformance.promises.timing import DELAY, after
from djbundle.tasks.conformance.testbed import Testbed

promise = subject("Cancelling and stopping")


def row_of(bed: Testbed, result: Any) -> Any:
    """Return a queryset of the row of a task. Raise Refused if the backend has none."""
    bed.require_ours("way to cancel tasks, and no progress")
    from djbundle.tasks.models import TaskRecord  # noqa: PLC0415 - needs the app

    return TaskRecord.objects.filter(pk=result.id)


def cancel(bed: Testbed, result: Any) -> None:
    """Cancel a task. Raise InPart if it has no row."""
    row = row_of(bed, result)
    from djbundle.tasks import operations_api  # noqa: PLC0415 - needs the app

    if not operations_api.cancel(row):
        raise InPart("only tasks with a row can be cancelled")


@promise
def a_waiting_task_that_is_cancelled_never_runs(bed: Testbed) -> None:
    """Cancel a task that is delayed, and one that waits for a worker."""
    bed.require_ours("way to cancel tasks")
    delayed = jobs.note.using(run_after=after(DELAY)).enqueue(bed.folder)
    cancel(bed, delayed)
    bed.pause()
    bed.pause()
    bed.settle()
    expect("ran" not in bed.lines(), "it ran")
    bed.workers.stop()
    waiting = jobs.note.enqueue(bed.folder)
    cancel(bed, waiting)
    bed.workers.ensure()
    bed.settle()
    expect("ran" not in bed.lines(), "it ran")


@promise
def a_running_task_that_is_cancelled_is_asked_to_end(bed: Testbed) -> None:
    """Cancel a task that reports progress."""
    bed.require_ours("way to cancel tasks")
    result = jobs.report.enqueue(bed.folder)
    bed.wait_for_lines(1, "it did not start")
    cancel(bed, result)
    lines = bed.wait_for_lines(2, "it went on")
    expect(lines == ["start", "Cancelled"], f"it ended by {lines[-1]}")


@promise
def a_running_task_shows_its_progress(bed: Testbed) -> None:
    """Read the progress while a task runs."""
    bed.require_ours("progress")
    result = jobs.report.enqueue(bed.folder)
    bed.wait_for_lines(1, "it did not start")
    row = row_of(bed, result)
    if not row.exists():
        raise InPart("only tasks with a row show progress")
    bed.wait(lambda: row.get().progress, "no progress was shown")
    expect(row.get().progress == {"done": 1, "total": 2, "note": "half"}, f"it shows {row.get().progress}")
    bed.go()


@promise
def a_worker_that_is_stopped_finishes_its_task(bed: Testbed) -> None:
    """Send SIGTERM while a task runs for some seconds."""
    bed.workers.require()
    jobs.take.enqueue(bed.folder, DELAY)
    bed.wait_for_lines(1, "it did not start")
    bed.workers.stop()
    expect(bed.lines() == ["start", "end"], "it was cut off")
    bed.workers.ensure()
    bed.settle()
    expect(bed.lines().count("start") == 1, "it ran again")
