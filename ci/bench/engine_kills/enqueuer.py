"""The web process: it commits promises, each together with its task, until there are enough of them.

A promise is a row of a table of the project. So what was promised is known, whenever this process is killed.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django
from django.db import Error, connection, transaction

MOST = 20  # tasks of one transaction
PAUSE = 0.1  # seconds, after an error
UNDONE = 0.05  # of the transactions are followed by one that is rolled back


def enqueuing() -> Callable[[int], object]:
    """Return what enqueues the task for a number."""
    if "KILLS_CELERY" in os.environ:
        from ci.bench.engine_kills import celery_app  # noqa: PLC0415 - only there Celery is installed

        enqueue: Callable[[int], object] = celery_app.work.delay_on_commit
        return enqueue
    from ci.bench.engine_kills import jobs  # noqa: PLC0415 - after setup

    return jobs.work.enqueue


def promised() -> int:
    """Return the largest number that is promised."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(number), -1) FROM promises")
        return int(cursor.fetchone()[0])


def promise(first: int, last: int, enqueue: Callable[[int], object]) -> None:
    """Commit the promises from `first` to before `last`."""
    with transaction.atomic(), connection.cursor() as cursor:
        for number in range(first, last):
            cursor.execute("INSERT INTO promises VALUES (%s)", [number])
            enqueue(number)


def undo(number: int, enqueue: Callable[[int], object]) -> None:
    """Enqueue a task in a transaction that is rolled back. Its number is negative, so that a run of it is seen."""
    with transaction.atomic():
        enqueue(-1 - number)
        transaction.set_rollback(True)


def run(count: int, granted: Path) -> None:
    """Promise `count` tasks, but never more than the file `granted` permits."""
    enqueue = enqueuing()
    while True:
        try:
            first = promised() + 1
            if first >= count:
                return
            last = min(first + random.randint(1, MOST), int(granted.read_text()))
            if first < last:
                promise(first, last, enqueue)
                if random.random() < UNDONE:
                    undo(first, enqueue)
            else:
                time.sleep(0.02)
        except Error:
            connection.close()
            time.sleep(PAUSE)
        except Exception as error:  # as a request that fails: the next one is tried
            print(f"enqueuer: {type(error).__name__}: {error}", file=sys.stderr)
            connection.close()
            time.sleep(PAUSE)


if __name__ == "__main__":
    django.setup()
    run(int(sys.argv[1]), Path(sys.argv[2]))
