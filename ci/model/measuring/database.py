"""Measures the statements of a task on PostgreSQL."""

from collections.abc import Callable, Iterable

from django.db import connection, transaction

from ci.model.costs import Cost
from ci.model.measuring.jobs import nothing
from ci.model.measuring.meter import Seconds, best, cost_between, cost_of_one, timed
from djbundle.tasks.bulk import enqueue_many
from djbundle.tasks.engine import sending
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import claim, transitions
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import success
from djbundle.tasks.store.worker_identity import Identity

FEW, MANY = 1, 500  # tasks in a call
ROUNDS = {FEW: 400, MANY: 40}  # calls
WARM = 50  # rows and calls before anything is measured
FILL = 1000  # rows in one statement

Pids = Callable[[], Iterable[int]]


def measure_database(server: Pids) -> dict[str, Cost]:
    """Return the cost of each step that is a statement. `server` returns the processes of PostgreSQL."""
    _steps(FEW, WARM, server)
    few, many = (_steps(size, ROUNDS[size], server) for size in (FEW, MANY))
    costs = {
        name: cost_between((FEW, few[name][0]), (MANY, many[name][0]), many[name][1] / MANY)
        for name in ("mark_sent", "claim", "finish")
    }
    return costs | {"enqueue": _measure_enqueue(server), "count_sent": _measure_count(server)}


def fill(count: int) -> None:
    """Replace all tasks with so many new ones."""
    empty()
    add(count)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TaskRecord._meta.db_table}")


def empty() -> None:
    """Delete all tasks."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {TaskRecord._meta.db_table} CASCADE")


def add(count: int) -> None:
    """Enqueue so many tasks in one transaction."""
    with transaction.atomic():
        for begin in range(0, count, FILL):
            enqueue_many(nothing, [(number,) for number in range(begin, min(begin + FILL, count))])


def _steps(size: int, rounds: int, server: Pids) -> dict[str, tuple[Seconds, float]]:
    """Take `size * rounds` tasks through all steps. Return the seconds and the written bytes of a call."""
    fill(size * rounds)
    identity = Identity.of_this_process()
    sent = [list[int]() for _ in range(rounds)]
    runs = [list[Run]() for _ in range(rounds)]

    def mark(turn: int) -> None:
        sent[turn] = [key for keys in sending.mark_sent(size, lambda _queue: size).keys.values() for key in keys]

    def take(turn: int) -> None:
        runs[turn] = claim.claim_keys(identity, sent[turn], size)

    def finish(turn: int) -> None:
        transitions.finish([success(run) for run in runs[turn]])

    steps = {"mark_sent": mark, "claim": take, "finish": finish}
    measured = {name: list[tuple[Seconds, float]]() for name in steps}
    for turn in range(rounds):  # as a worker does: what it has claimed is finished before it claims more
        for name, step in steps.items():
            measured[name].append(_measure(lambda step=step, turn=turn: step(turn), server))  # type: ignore[misc]
    return {name: _best(each) for name, each in measured.items()}


def _measure(step: Callable[[], None], server: Pids) -> tuple[Seconds, float]:
    before = _log_position()
    seconds = timed([step], server)
    return seconds, _log_position() - before


def _best(measured: list[tuple[Seconds, float]]) -> tuple[Seconds, float]:
    """Return the best time of each part, and the mean of the bytes."""
    return best([seconds for seconds, _ in measured]), sum(written for _, written in measured) / len(measured)


def _measure_enqueue(server: Pids) -> Cost:
    fill(WARM)
    seconds, written = _best([_measure(lambda: void(nothing.enqueue(0)), server) for _ in range(ROUNDS[FEW])])
    return cost_of_one(seconds, written)


def _measure_count(server: Pids) -> Cost:
    """Measure the count of the tasks that the broker has."""
    measured: list[tuple[int, Seconds]] = []
    for size in (FEW, 10 * MANY):
        fill(size)
        sending.mark_sent(size, lambda _queue, size=size: size)  # type: ignore[misc]
        measured.append((size, _best([_measure(lambda: void(sending.count_sent()), server) for _ in range(40)])[0]))
    return cost_between(measured[0], measured[1])


def _log_position() -> int:
    """Return how many bytes PostgreSQL has written to its log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        return int(cursor.fetchone()[0])


def void(_value: object) -> None:
    """Drop a value."""
