"""Whatever a task returns: the worker receives and writes it, or that task fails and no other."""

import json
import math
import pickle
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.tasks import TaskResult, TaskResultStatus
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from djbundle.tasks import RetryAfter
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import claim, leases, outcome, transitions
from djbundle.tasks.store.outcome import MAX_TRACEBACKS, Outcome, entry_of, success, with_error
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.task import MAX_SECONDS, MIN_SNOOZE
from djbundle.tasks.worker.attempt import execute
from djbundle.tasks.worker.pending_writes import MAX_FAILED_WRITES, PendingWrites
from djbundle.tasks.worker.protocol import OutcomesMessage
from tests.support.postgres import Postgres
from tests.tasks import hostile_jobs, jobs

TEXTS = st.text(st.characters())  # also \0 and halves of surrogate pairs
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | TEXTS.map(hostile_jobs.Leaf)
ODD = (
    st.binary()
    | st.decimals()
    | st.datetimes()
    | st.complex_numbers()
    | st.sets(st.integers())
    | st.builds(object)
    | st.integers(4000, 5000).map(lambda digits: 10**digits)
)


def is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


VALUES = st.recursive(
    LEAVES | ODD,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(LEAVES | ODD.filter(is_hashable), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("each_database", ["sqlite", "postgresql"], indirect=True)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES)
@example(value="\\u0000")  # no zero byte, although it looks like one in JSON
@example(value="\\\0")
@example(value={"\ud83d\ude00": "\U0001f600"})
@example(value={None: 1, True: 2, 3: 4})
def test_any_value(each_database: str, value: Any) -> None:
    TaskRecord.objects.all().delete()
    hostile_jobs.ANYTHING[:] = [value]
    neighbours: list[TaskResult] = [jobs.add.enqueue(1, 2), hostile_jobs.return_anything.enqueue()]
    neighbours.append(jobs.add.enqueue(3, 4))
    pending_writes = PendingWrites()
    ended = [execute(run) for run in claim.claim_runs(Identity.of_this_process(), 3)]
    pending_writes.outcomes += pickle.loads(pickle.dumps(OutcomesMessage.of(ended, 0.0))).outcomes
    pending_writes.write()
    assert not pending_writes
    for result in neighbours:
        result.refresh()
    before, strange, after = neighbours
    assert (before.return_value, after.return_value) == (3, 7)
    if strange.status == TaskResultStatus.FAILED:
        (error,) = strange.errors
        assert error.exception_class in (TypeError, ValueError)
    else:
        assert with_floats(strange.return_value) == with_floats(json.loads(outcome.encoded(value) or "null"))


def with_floats(value: Any) -> Any:
    """Return the value with its integers as floats, since PostgreSQL writes 1e22 as an integer."""
    if isinstance(value, list):
        return [with_floats(each) for each in value]
    if isinstance(value, dict):
        return {name: with_floats(each) for name, each in value.items()}
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    try:
        return float(value)
    except OverflowError:
        return value


@pytest.mark.parametrize(
    ("delay", "expected"),
    [(30, 30.0), (1e12, MAX_SECONDS), (math.inf, MAX_SECONDS), (-5, MIN_SNOOZE), (0, MIN_SNOOZE)],
)
def test_time_to_wait_is_one_that_a_calendar_has(delay: float, expected: float) -> None:
    assert RetryAfter(delay).delay == expected


@pytest.mark.parametrize("delay", [math.nan, "soon", None])
def test_time_to_wait_that_says_nothing_is_refused(delay: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        RetryAfter(delay)


def test_row_keeps_the_newest_tracebacks_only() -> None:
    errors: list[dict[str, str]] = []
    for number in range(50):
        errors = with_error(errors, entry_of(ValueError, f"{number} " + "x" * 10_000_000))
    assert len(errors) == 50  # all of them count
    assert [error["traceback"].split()[0] for error in errors[-MAX_TRACEBACKS:]] == [str(n) for n in range(40, 50)]
    assert sum(len(error["traceback"]) for error in errors) < (MAX_TRACEBACKS + 1) * outcome.MAX_TRACEBACK


def claimed(count: int) -> list[Any]:
    for number in range(count):
        jobs.add.enqueue(number, number)
    return claim.claim_runs(Identity.of_this_process(), count)


def test_row_that_the_database_refuses_as_if_it_were_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some retries, the other rows are written."""
    first, refused, last = (success(run, "1") for run in claimed(3))
    finish = transitions.finish

    def finish_others(outcomes: list[Outcome]) -> int:
        if any(each.pk == refused.pk and each.status != TaskResultStatus.FAILED for each in outcomes):
            raise OperationalError("packet too large")
        return finish(outcomes)

    monkeypatch.setattr(transitions, "finish", finish_others)
    pending_writes = PendingWrites(outcomes=[first, refused, last])
    for _ in range(MAX_FAILED_WRITES - 1):
        with pytest.raises(OperationalError):
            pending_writes.write()
        assert len(pending_writes.outcomes) == 3
    pending_writes.write()
    assert not pending_writes
    statuses = TaskRecord.objects.order_by("id").values_list("status", flat=True)
    assert list(statuses) == ["SUCCESSFUL", "FAILED", "SUCCESSFUL"]


def test_nothing_fails_while_the_database_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """This holds however long the database is down."""

    def fail(*_: Any) -> None:
        raise OperationalError("it is down")

    pending_writes = PendingWrites(outcomes=[success(run, "1") for run in claimed(2)])
    with monkeypatch.context() as patch:
        patch.setattr(transitions, "finish", fail)
        patch.setattr(transitions, "is_writable", fail)
        for _ in range(3 * MAX_FAILED_WRITES):
            with pytest.raises(OperationalError):
                pending_writes.write()
    pending_writes.write()
    assert set(TaskRecord.objects.values_list("status", flat=True)) == {"SUCCESSFUL"}


def test_write_that_fails_for_any_reason_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    crashed, unfinished = claimed(2)
    pending_writes = PendingWrites(crashed=[crashed], unfinished=[unfinished])

    def record_crash(_: TaskRecord) -> None:
        raise RuntimeError("a fault of the worker's")

    monkeypatch.setattr(leases, "record_crash", record_crash)
    pending_writes.write()
    assert not pending_writes
    assert TaskRecord.objects.get(pk=unfinished.pk).status == TaskResultStatus.READY


@pytest.mark.usefixtures("each_database")
def test_what_was_not_begun_is_as_if_it_had_not_been_claimed() -> None:
    first, second = claimed(2)
    transitions.finish([Outcome(second.pk, second.epoch, TaskResultStatus.READY, error=entry_of(ValueError, ""))])
    (second,) = claim.claim_runs(Identity.of_this_process(), 2)
    began = TaskRecord.objects.get(pk=second.pk).started_at
    transitions.unclaim([first, second])
    records = list(TaskRecord.objects.order_by("id"))
    assert [(record.status, len(record.worker_ids), record.worker) for record in records] == [
        ("READY", 0, ""),
        ("READY", 1, ""),
    ]
    assert [record.started_at for record in records] == [None, began]
    transitions.unclaim([first, second])  # other claims hold them now
    assert [len(record.worker_ids) for record in TaskRecord.objects.order_by("id")] == [0, 1]


@pytest.mark.parametrize("sql", [transitions.SUCCEED, transitions.UNCLAIM])
def test_postgresql_finds_a_run_by_its_key_whatever_it_knows_of_the_table(postgres: Postgres, sql: str) -> None:
    jobs.add.enqueue(1, 2)
    last, only = transitions.WITHOUT_LAST["postgresql"]
    names = {"table": TaskRecord._meta.db_table, "last": last, "only": only}
    values = [1, 1] if sql == transitions.UNCLAIM else [None, timezone.now(), 1, 1]
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TaskRecord._meta.db_table}")  # nothing runs now
        cursor.execute("SET enable_seqscan = off")  # which a table of one row would get
        cursor.execute(f"EXPLAIN {sql.format(**names)}", values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    assert "djbundle_tasks_taskrecord_pkey" in plan
