"""Promises about runs."""

from asgiref.sync import async_to_sync

from djbundle.tasks import enqueue_many
from djbundle.tasks.conformance import jobs
from djbundle.tasks.conformance.promise import expect, subject
from djbundle.tasks.conformance.testbed import Testbed

promise = subject("Runs")

TASKS = 40


@promise
def each_of_many_tasks_runs_once_with_two_workers(bed: Testbed) -> None:
    """Start a second worker of each kind, and let them share tasks that are enqueued with one call."""
    bed.workers.require()
    bed.workers.start()
    enqueue_many(jobs.note, [(bed.folder, number) for number in range(TASKS)])
    lines = bed.wait_for_lines(TASKS)
    bed.settle()
    expect({*range(TASKS)} == {*lines}, "some did not run")
    expect(len(bed.lines()) == TASKS + 1, f"{len(bed.lines()) - TASKS - 1} ran twice")


@promise
def a_task_that_takes_longer_than_a_lease_runs_once(bed: Testbed) -> None:
    """Let a task run for long while a second worker looks for work."""
    bed.workers.require()
    bed.workers.start()
    jobs.take.enqueue(bed.folder, bed.long)
    bed.wait(lambda: "end" in bed.lines(), "it did not end", bed.long + bed.patience)
    bed.settle()
    expect(bed.lines().count("start") == 1, f"it was started {bed.lines().count('start')} times")


@promise
def a_long_task_holds_up_no_other(bed: Testbed) -> None:
    """Enqueue a quick task while one hangs."""
    bed.workers.require()
    jobs.hang.enqueue(bed.folder)
    bed.wait_for_lines(1, "it did not start")
    jobs.note.enqueue(bed.folder, "quick")
    bed.wait_for_lines(2, "with one worker, the quick task did not run")
    bed.go()


@promise
def an_async_function_can_be_a_task(bed: Testbed) -> None:
    """Enqueue a coroutine function."""
    jobs.note_async.enqueue(bed.folder)
    bed.wait_for_lines(1, "it did not run")


@promise
def async_code_can_enqueue(bed: Testbed) -> None:
    """Enqueue with aenqueue()."""
    async_to_sync(jobs.note.aenqueue)(bed.folder)
    bed.wait_for_lines(1, "it did not run")


@promise
def a_task_gets_its_context(bed: Testbed) -> None:
    """Enqueue a task with takes_context. It tells its attempt and the id of its result."""
    result = jobs.tell_context.enqueue(bed.folder, word="hello")
    (received,) = bed.wait_for_lines(1, "it did not run")
    expect(
        received == [1, result.id, "hello"],
        f"it was told attempt {received[0]}, result {received[1]}; the result is {result.id}",
    )
