"""Promises about results."""

from typing import Any

from djbundle.tasks.conformance import jobs
from djbundle.tasks.conformance.promise import Refused, expect, subject
from djbundle.tasks.conformance.promises.arguments import VALUES, is_same
from djbundle.tasks.conformance.testbed import Testbed

promise = subject("Results")

UNKNOWN = ("0b5e6a1c-0000-4000-8000-000000000000", "123456789", "no such result")
LENGTH = 1 << 20  # characters


def require(bed: Testbed) -> None:
    """Raise Refused if the backend has no results to read."""
    if not bed.has_results:
        raise Refused("supports_get_result is False")


@promise
def a_return_value_is_recorded(bed: Testbed) -> None:
    """Return values of each type that JSON has."""
    values: list[Any] = [VALUES, None, "text", 0, False, "", {}]
    for result in [jobs.give_back.enqueue(value) for value in values]:
        ended = bed.ended(result)
        (sent,) = result.args
        expect(ended.status == "SUCCESSFUL", f"the task ended as {ended.status}")
        expect(is_same(ended.return_value, sent), f"another value was recorded: {ended.return_value!r:.80}")


@promise
def a_return_value_of_1_MiB_is_recorded(bed: Testbed) -> None:  # noqa: N802 - the unit
    """Return a long text."""
    ended = bed.ended(jobs.repeat.enqueue("x", LENGTH))
    expect(ended.status == "SUCCESSFUL", f"the task ended as {ended.status}")
    expect(ended.return_value == "x" * LENGTH, "another value was recorded")


@promise
def a_result_is_found_by_its_id(bed: Testbed) -> None:
    """Get it before and after the run."""
    require(bed)
    result = jobs.add.enqueue(1)
    expect(jobs.add.get_result(result.id).id == result.id, "get_result() finds another one")
    bed.ended(result)
    fetched = jobs.add.get_result(result.id)
    expect((fetched.return_value, fetched.args) == (2, [1]), f"get_result() says {fetched!r:.80}")


@promise
def a_result_that_does_not_exist_is_an_error(bed: Testbed) -> None:
    """Ask for ids that no result has."""
    require(bed)
    for key in UNKNOWN:
        try:
            jobs.add.get_result(key)
        except Exception as error:
            kind = type(error).__name__
            expect(kind == "TaskResultDoesNotExist", f"{kind} is raised for {key!r}, not TaskResultDoesNotExist")
        else:
            expect(False, f"get_result({key!r}) finds something")


@promise
def the_status_follows_the_task(bed: Testbed) -> None:
    """Look at a task before it runs, while it runs, and afterwards."""
    require(bed)
    bed.workers.require()
    bed.workers.stop()
    result = jobs.hang.enqueue(bed.folder)
    expect_status(result, "READY")
    bed.workers.ensure()
    bed.wait_for_lines(1, "it did not start")
    bed.wait(lambda: jobs.hang.get_result(result.id).status == "RUNNING", "it runs, and its status is not RUNNING")
    bed.go()
    ended = bed.ended(result)
    expect(ended.status == "SUCCESSFUL", f"it ended as {ended.status}")
    times = [ended.enqueued_at, ended.started_at, ended.finished_at]
    expect(None not in times, "one of its times is missing")
    expect(sorted(times) == times, "its times are not in order")


def expect_status(result: Any, status: str) -> None:
    recorded = jobs.hang.get_result(result.id).status
    expect(recorded == status, f"its status is {recorded}, not {status}")


@promise
def a_return_value_that_JSON_cannot_hold_fails_its_task_alone(bed: Testbed) -> None:  # noqa: N802 - a name
    """Return an object, and look at a task that comes later."""
    bad, good = jobs.return_object.enqueue(), jobs.add.enqueue(1)
    expect(bed.ended(bad).status == "FAILED", f"it ended as {bad.status}")
    expect(bed.ended(good).return_value == 2, "the next task did not succeed")
