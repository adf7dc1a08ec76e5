"""The benchmark's commands in a peer's project: python driver.py FUNCTION ARGUMENTS prints a result as JSON."""

import contextlib
import json
import os
import random
import sys
import time
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from django.conf import settings  # noqa: E402 - after setup
from django.db import transaction  # noqa: E402
from jobs import tasks  # noqa: E402
from jobs.models import Row  # noqa: E402

NOTES = Path("notes")
START_TIMEOUT = 15.0  # seconds for one task to begin


def fill(name: str, count: str, value: str = "") -> None:
    """Enqueue `count` tasks in one transaction. Their argument is `value`, or their number if there is none."""
    with transaction.atomic():
        for number in range(int(count)):
            settings.PEER.enqueue(getattr(tasks, name), int(value or number))


def stream(count: str, size: str) -> None:
    """Enqueue `count` tasks in transactions of `size`, each with a row. Print when that began."""
    print(time.monotonic())
    for start in range(0, int(count), int(size)):
        with transaction.atomic():
            Row.objects.create(text="row")
            for number in range(start, min(start + int(size), int(count))):
                settings.PEER.enqueue(tasks.note, number)


def costs(count: str) -> None:
    """Print the seconds of each of `count` requests that write a row and enqueue a task. An error counts as an end."""
    seconds = []
    for _ in range(int(count)):
        began = time.perf_counter()
        with contextlib.suppress(Exception), transaction.atomic():
            Row.objects.create(text="row")
            settings.PEER.enqueue(tasks.note, 0)
        seconds.append(time.perf_counter() - began)
    print(json.dumps(seconds))


def rows(count: str) -> None:
    """Create the rows of the page."""
    Row.objects.bulk_create(Row(text=f"row {number}") for number in range(int(count)))


def each(count: str) -> None:
    """Measure tasks enqueued per second, each in a transaction with a row."""
    began = 0.0
    for number in range(-20, int(count)):
        if number == 0:
            began = time.perf_counter()
        with transaction.atomic():
            Row.objects.create(text="row")
            settings.PEER.enqueue(tasks.note, max(0, number))
    print(int(count) / (time.perf_counter() - began))


def latency(count: str, seconds: str, poll: str) -> None:
    """Measure seconds from commit to start of the task, on an idle worker, at random moments between its polls."""
    end = 0.0
    committed: list[float] = []
    began: list[float] = []
    for number in range(-3, int(count)):
        if number == 0:  # the first three are not counted
            end = time.monotonic() + float(seconds)
        with transaction.atomic():
            transaction.on_commit(lambda: committed.append(time.monotonic()))
            Row.objects.create(text="row")
            settings.PEER.enqueue(tasks.note, number + 3)
        began.append(_wait(len(committed)))
        if number >= 0 and time.monotonic() > end:
            break
        time.sleep(random.uniform(0.02, 0.05) + random.uniform(0, float(poll)))
    print(json.dumps([start - commit for start, commit in zip(began, committed, strict=True)][3:]))


def _wait(count: int) -> float:
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end:
        if NOTES.exists() and NOTES.stat().st_size >= count * tasks.ENTRY.size:
            return tasks.ENTRY.unpack(NOTES.read_bytes()[-tasks.ENTRY.size :])[1]
        time.sleep(0.001)
    sys.exit("a task did not begin")


def claims(count: str) -> None:
    """Measure tasks claimed per second. Each statement claims ten, and is a transaction."""
    from djbundle.tasks.store import claim  # noqa: PLC0415 - only in our project
    from djbundle.tasks.store.worker_identity import Identity  # noqa: PLC0415

    worker = Identity.of_this_process()
    claimed, began = 0, time.perf_counter()
    while taken := len(claim.claim_runs(worker, 10)):
        claimed += taken
    seconds = time.perf_counter() - began
    if claimed != int(count):
        sys.exit(f"{claimed} tasks claimed of {count}")
    print(claimed / seconds)


def records(count: str) -> None:
    """Measure how many tasks per second a worker claims and records if nothing runs them: its upper limit."""
    from djbundle.tasks.store import claim, transitions  # noqa: PLC0415 - only in our project
    from djbundle.tasks.store.outcome import Outcome  # noqa: PLC0415
    from djbundle.tasks.store.worker_identity import Identity  # noqa: PLC0415
    from djbundle.tasks.worker.claiming import CLAIM_LIMIT  # noqa: PLC0415 - only in our project

    identity = Identity.of_this_process()
    recorded, began = 0, time.perf_counter()
    while taken := claim.claim_runs(identity, CLAIM_LIMIT):
        transitions.finish([Outcome(run.pk, run.epoch, "SUCCESSFUL") for run in taken])
        recorded += len(taken)
    seconds = time.perf_counter() - began
    if recorded != int(count):
        sys.exit(f"{recorded} tasks recorded of {count}")
    print(recorded / seconds)


def explain() -> None:
    """Print the query plans of the statements by which our worker claims tasks."""
    from djbundle.tasks.store import claim, fast_sql, transitions  # noqa: PLC0415 - only in our project
    from djbundle.tasks.store.worker_identity import Identity  # noqa: PLC0415

    connection = django.db.connections[transitions.alias()]
    statements = []
    if connection.vendor == "sqlite":
        execute = fast_sql.execute

        def watch_direct(connection, sql, values=()):
            statements.append((sql, values))
            return execute(connection, sql, values)

        fast_sql.execute = watch_direct
        watching = contextlib.nullcontext()
    else:

        def watch(execute, sql, params, many, context):
            if sql.lstrip().upper().startswith(("UPDATE", "WITH", "INSERT")):
                statements.append((sql, params))
            return execute(sql, params, many, context)

        watching = connection.execute_wrapper(watch)
    with transaction.atomic():
        with watching:
            claim.claim(Identity.of_this_process(), 10)
        transaction.set_rollback(True)
    prefix = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[connection.vendor]
    with connection.cursor() as cursor:
        for sql, params in statements:
            cursor.execute(prefix + sql, params)
            print("\n".join(str(row[-1]) for row in cursor.fetchall()))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
