"""Promises about failures and further attempts."""

from djbundle.tasks.conformance import jobs
from djbundle.tasks.conformance.promise import expect, subject
from djbundle.tasks.conformance.testbed import Testbed

promise = subject("Failures")

BACKOFF = 1.0  # seconds
JITTER = 0.8  # the smallest part of a backoff that is waited for


@promise
def an_error_is_recorded_with_its_traceback(bed: Testbed) -> None:
    """Raise ValueError."""
    result = jobs.fail.enqueue(bed.folder, "the reason")
    ended = bed.ended(result)
    expect(ended.status == "FAILED", f"it ended as {ended.status}")
    expect(ended.errors, "no error is recorded")
    error = ended.errors[0]
    expect(error.exception_class is ValueError, f"{error.exception_class_path} is recorded, not ValueError")
    expect("the reason" in error.traceback, "the traceback does not have the text of the error")


@promise
def a_failed_task_harms_no_other(bed: Testbed) -> None:
    """Raise ValueError and SystemExit, and look at a task that comes later."""
    jobs.fail.enqueue(bed.folder)
    jobs.exit_process.enqueue(bed.folder)
    bed.wait_for_lines(2)
    jobs.note.enqueue(bed.folder, "next")
    bed.wait(lambda: "next" in bed.lines(), "the next task did not run")


@promise
def a_failed_task_runs_again_until_it_succeeds(bed: Testbed) -> None:
    """Fail twice, with max_attempts=5."""
    result = bed.using(jobs.fail_until, max_attempts=5, backoff=0).enqueue(bed.folder, 3)
    bed.wait_for_lines(3)
    bed.pause()
    expect(len(bed.lines()) == 3, f"it ran {len(bed.lines())} times")
    if bed.has_results:
        ended = bed.ended(result)
        expect((ended.return_value, ended.attempts) == ("at last", 3), f"{ended.attempts} attempts are recorded")
        expect(len(ended.errors) == 2, f"{len(ended.errors)} errors are recorded")


@promise
def a_task_fails_for_good_after_its_last_attempt(bed: Testbed) -> None:
    """Fail always, with max_attempts=2."""
    result = bed.using(jobs.fail, max_attempts=2, backoff=0).enqueue(bed.folder)
    bed.wait_for_lines(2)
    bed.pause()
    expect(len(bed.lines()) == 2, f"it ran {len(bed.lines())} times")
    if bed.has_results:
        expect(bed.ended(result).status == "FAILED", f"it ended as {result.status}")


@promise
def the_pause_between_attempts_grows(bed: Testbed) -> None:
    """Fail twice, with backoff=1: at least about 1 and 2 seconds."""
    bed.using(jobs.fail_until, max_attempts=3, backoff=BACKOFF).enqueue(bed.folder, 3)
    first, second, third = bed.wait_for_lines(3)
    expect(second - first >= JITTER * BACKOFF, f"the first pause was {second - first:.2f} s")
    expect(third - second >= JITTER * 2 * BACKOFF, f"the second pause was {third - second:.2f} s")


@promise
def a_task_may_ask_to_run_again_at_no_cost(bed: Testbed) -> None:
    """Raise RetryAfter three times, with a single attempt."""
    result = bed.using(jobs.ask_again, max_attempts=1).enqueue(bed.folder, 3)
    bed.wait_for_lines(4)
    if bed.has_results:
        ended = bed.ended(result)
        expect(ended.return_value == "done", f"it ended as {ended.status}")
        expect(not ended.errors, f"{len(ended.errors)} errors are recorded")


@promise
def a_run_that_exceeds_its_timeout_is_ended(bed: Testbed) -> None:
    """Hang, with timeout=1, and see that it does not go on."""
    result = bed.using(jobs.hang, timeout=1).enqueue(bed.folder)
    bed.wait_for_lines(1, "it did not start")
    if bed.has_results:
        expect(bed.ended(result).status == "FAILED", f"it ended as {result.status}")
    else:
        bed.pause()
    bed.go()
    bed.settle()
    expect("end" not in bed.lines(), "it went on after its timeout")
