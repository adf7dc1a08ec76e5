"""Promises about tasks and the transaction that enqueues them."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection, transaction

from djbundle.tasks.conformance import dying, jobs
from djbundle.tasks.conformance.promise import expect, subject
from djbundle.tasks.conformance.testbed import Testbed

promise = subject("Transactions")

THREADS, TASKS = 4, 10


@contextmanager
def undone() -> Iterator[None]:
    """Roll back the block, a transaction or a savepoint."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@promise
def a_task_runs_after_it_is_enqueued(bed: Testbed) -> None:
    """Enqueue a task, and wait until it has run."""
    jobs.note.enqueue(bed.folder)
    bed.wait_for_lines(1, "it did not run")


@promise
def a_task_does_not_run_before_the_commit(bed: Testbed) -> None:
    """Keep the transaction open for a moment."""
    with transaction.atomic():
        jobs.note.enqueue(bed.folder)
        bed.pause()
        expect(not bed.lines(), "it ran before the commit")
    bed.wait_for_lines(1, "it did not run after the commit")


@promise
def a_task_of_a_transaction_that_is_rolled_back_never_runs(bed: Testbed) -> None:
    """Roll back, and wait until a later task has run."""
    with undone():
        jobs.note.enqueue(bed.folder, "undone")
    bed.settle()
    expect("undone" not in bed.lines(), "it ran")


@promise
def a_task_of_a_savepoint_that_is_rolled_back_never_runs(bed: Testbed) -> None:
    """Roll back the inner block, and commit the outer one."""
    with transaction.atomic():
        jobs.note.enqueue(bed.folder, "outer")
        with undone():
            jobs.note.enqueue(bed.folder, "undone")
    bed.settle()
    expect("outer" in bed.lines(), "the task of the outer block did not run")
    expect("undone" not in bed.lines(), "it ran")


@promise
def each_task_of_many_threads_runs_once(bed: Testbed) -> None:
    """Enqueue in four threads at the same time, each task in a transaction of its own."""

    def enqueue(thread: int) -> None:
        try:
            for number in range(TASKS):
                with transaction.atomic():
                    jobs.note.enqueue(bed.folder, f"{thread} {number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(enqueue, range(THREADS)))
    lines = bed.wait_for_lines(THREADS * TASKS)
    bed.settle()
    expect(len({*lines}) == THREADS * TASKS, f"{THREADS * TASKS - len({*lines})} did not run")
    expect(len(bed.lines()) == THREADS * TASKS + 1, "some ran twice")


@promise
def a_task_is_not_lost_if_its_process_dies_right_after_the_commit(bed: Testbed) -> None:
    """Have another process enqueue a task, and kill itself when its transaction has committed."""
    subprocess.run([sys.executable, "-m", dying.__name__, bed.folder], check=False, timeout=60)
    bed.wait_for_lines(1, "it was lost: it did not run")
