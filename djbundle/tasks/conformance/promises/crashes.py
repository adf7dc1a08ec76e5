"""Promises about workers that die."""

from djbundle.tasks.conformance import jobs
from djbundle.tasks.conformance.promise import expect, subject
from djbundle.tasks.conformance.testbed import Testbed

promise = subject("Crashes")

TASKS = 40


@promise
def a_task_of_a_worker_that_is_killed_runs_again(bed: Testbed) -> None:
    """Kill the workers with SIGKILL while a task runs, and start others."""
    bed.workers.require()
    result = jobs.hang.enqueue(bed.folder)
    bed.wait_for_lines(1, "it did not start")
    bed.workers.kill()
    bed.workers.ensure()
    bed.wait_for_lines(2, "it did not run again")
    bed.go()
    bed.wait(lambda: "end" in bed.lines(), "it did not end")
    if bed.has_results:
        expect(bed.ended(result).status == "SUCCESSFUL", f"it ended as {result.status}")


@promise
def tasks_that_wait_outlive_a_worker_that_is_killed(bed: Testbed) -> None:
    """Kill the workers with SIGKILL in the midst of forty tasks, and start others."""
    bed.workers.require()
    for number in range(TASKS):
        jobs.note_slowly.enqueue(bed.folder, number)
    bed.wait_for_lines(5)
    bed.workers.kill()
    bed.workers.ensure()
    bed.wait(lambda: {*range(TASKS)} <= {*bed.lines()}, lambda: f"{len({*bed.lines()})} of {TASKS} ran")


@promise
def a_task_that_kills_its_process_harms_no_other(bed: Testbed) -> None:
    """Enqueue tasks before and after one that sends SIGKILL to itself. Nobody starts a worker again."""
    bed.workers.require()
    for number in range(10):
        jobs.note.enqueue(bed.folder, number)
    jobs.kill_own_process.enqueue(bed.folder)
    bed.wait(lambda: "dies" in bed.lines(), "it did not run")
    for number in range(10, 20):
        jobs.note.enqueue(bed.folder, number)
    bed.wait(lambda: {*range(20)} <= {*bed.lines()}, lambda: f"{len({*bed.lines()} - {'dies'})} of 20 others ran")


@promise
def a_task_that_kills_its_process_fails_in_the_end(bed: Testbed) -> None:
    """Wait until its result says so, whoever has died meanwhile."""
    bed.workers.require()
    result = jobs.kill_own_process.enqueue(bed.folder)
    bed.wait_for_lines(1, "it did not run")
    expect(bed.ended(result).status == "FAILED", f"it ended as {result.status}")
