"""Promises about tasks that the workers' code does not have, as during a deploy."""

import sys
from types import ModuleType
from typing import Any

from djbundle.tasks.conformance import jobs, journal
from djbundle.tasks.conformance.promise import expect, subject
from djbundle.tasks.conformance.testbed import PACKAGE, Testbed

promise = subject("Unknown tasks")

MODULE = f"{PACKAGE}.of_tomorrow"  # no worker can import it


def of_tomorrow(folder: str) -> None:
    journal.write(folder, "of tomorrow")


def make_task() -> Any:
    """Return a task of a module that only this process has."""
    module: Any = ModuleType(MODULE)
    sys.modules[MODULE] = module
    of_tomorrow.__module__ = MODULE
    module.of_tomorrow = jobs.task()(of_tomorrow)
    return module.of_tomorrow


def is_told(bed: Testbed, result: Any) -> bool:
    """Return whether the task waits, or has failed with an error."""
    fetched = bed.backend.get_result(result.id)
    return fetched.status == "READY" or (fetched.status == "FAILED" and bool(fetched.errors))


@promise
def a_task_that_no_worker_knows_is_not_lost_and_harms_no_other(bed: Testbed) -> None:
    """Enqueue a task whose module no worker can import, and others. It waits, or it has failed."""
    bed.workers.require()
    result = make_task().enqueue(bed.folder)
    bed.settle()
    bed.settle()
    expect("of tomorrow" not in bed.lines(), "a worker knows it")
    if bed.has_results:
        bed.wait(lambda: is_told(bed, result), "it neither waits nor has it failed with an error")
