"""Promises about tasks that exist once, run one at a time, or run in order."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connection, transaction

from djbundle.tasks.conformance import jobs
from djbundle.tasks.conformance.promise import expect, subject
from djbundle.tasks.conformance.testbed import Testbed

promise = subject("Unique, limited and ordered tasks")

THREADS, TASKS = 4, 12


@promise
def a_unique_task_exists_once_while_it_waits_or_runs(bed: Testbed) -> None:
    """Enqueue it twice in a transaction, and again while it runs."""
    task = bed.using(jobs.hang, unique=True)
    with transaction.atomic():
        first, second = task.enqueue(bed.folder), task.enqueue(bed.folder)
    expect(first.id == second.id, "the second call got another result while the first waited")
    bed.wait_for_lines(1, "it did not start")
    expect(task.enqueue(bed.folder).id == first.id, "a call got another result while the first ran")
    bed.go()
    bed.settle()
    expect(bed.lines().count("start") == 1, f"it ran {bed.lines().count('start')} times")


@promise
def a_unique_task_may_come_again_after_its_end(bed: Testbed) -> None:
    """Enqueue it, and again when it has run."""
    task = bed.using(jobs.note, unique=True)
    task.enqueue(bed.folder)
    bed.wait_for_lines(1, "it did not run")
    bed.settle()
    task.enqueue(bed.folder)
    bed.wait(lambda: bed.lines().count("ran") == 2, "it did not run again")


@promise
def a_unique_task_of_many_threads_exists_once(bed: Testbed) -> None:
    """Enqueue it in four threads at the same time."""
    task = bed.using(jobs.hang, unique=True)

    def enqueue(_thread: int) -> str:
        try:
            return str(task.enqueue(bed.folder).id)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        keys = {*threads.map(enqueue, range(THREADS))}
    bed.go()
    expect(len(keys) == 1, f"{len(keys)} tasks were added")


@promise
def a_limit_holds_with_two_workers(bed: Testbed) -> None:
    """Enqueue twelve tasks with concurrency=1, and start a second worker of each kind."""
    task = bed.using(jobs.alone, concurrency=1)
    bed.workers.require()
    bed.workers.start()
    for _ in range(TASKS):
        task.enqueue(bed.folder)
    bed.wait_for_lines(TASKS)
    expect("together" not in bed.lines(), f"{bed.lines().count('together')} ran beside another one")


@promise
def a_limit_holds_for_each_key(bed: Testbed) -> None:
    """Enqueue twelve tasks of three keys with concurrency=1, and start a second worker of each kind."""
    bed.workers.require()
    bed.using(jobs.alone, concurrency=1)
    bed.workers.start()
    for number in range(TASKS):
        key = str(number % 3)
        bed.using(jobs.alone, concurrency=1, concurrency_key=key).enqueue(bed.folder, key)
    bed.wait_for_lines(TASKS)
    expect("together" not in bed.lines(), f"{bed.lines().count('together')} ran beside another one of their key")


@promise
def tasks_with_an_ordering_key_run_in_their_order(bed: Testbed) -> None:
    """Enqueue twelve tasks with one key, start a second worker of each kind, and let the first task fail once."""
    bed.workers.require()
    first = bed.using(jobs.fail_until, ordering_key="order", max_attempts=2, backoff=0.5)
    bed.workers.start()
    first.enqueue(bed.folder, 2)
    for number in range(TASKS):
        bed.using(jobs.note, ordering_key="order").enqueue(bed.folder, number)
    lines = bed.wait_for_lines(TASKS + 2)
    expect(lines[2:] == [*range(TASKS)], f"their order was {lines[2:]}")
