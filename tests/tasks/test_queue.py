"""Leases: no task is lost, no task runs in two workers at a time, and no run writes after it has lost its task."""

import datetime
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connection, connections
from django.tasks import TaskResultStatus, task_backends
from django.utils import timezone

from djbundle.common.processes import start_time
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import claim as claiming
from djbundle.tasks.store import leases, transitions
from djbundle.tasks.store.outcome import Outcome, encoded
from djbundle.tasks.store.worker_identity import Identity
from tests.support.waiting import wait_until
from tests.tasks import jobs

ELSEWHERE = Identity("another-machine", 1, "1")


def outcome_of(record: TaskRecord, value: object) -> Outcome:
    return Outcome(record.pk, record.epoch, TaskResultStatus.SUCCESSFUL, encoded(value))


def test_claims_at_the_same_time_share_out_the_tasks() -> None:
    expected = {jobs.add.enqueue(n, n).id for n in range(60)}
    claimed: list[str] = []
    worker = Identity.of_this_process()

    def claim_all() -> None:
        while records := claiming.claim(worker, 3):
            claimed.extend(str(record.pk) for record in records)
        connections.close_all()

    threads = [threading.Thread(target=claim_all) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(claimed) == Counter(expected)


def test_a_run_that_lost_its_lease_writes_nothing() -> None:
    jobs.add.enqueue(1, 2)
    (first,) = claiming.claim(ELSEWHERE, 1)
    TaskRecord.objects.update(lease_until=timezone.now() - datetime.timedelta(seconds=1))
    assert leases.rescue() == 1
    (second,) = claiming.claim(Identity.of_this_process(), 1)
    assert transitions.finish([outcome_of(first, "stale")]) == 1
    assert transitions.finish([outcome_of(second, "fresh")]) == 0
    assert TaskRecord.objects.get().return_value == "fresh"


def test_a_heartbeat_keeps_the_lease() -> None:
    jobs.add.enqueue(1, 2)
    worker = ELSEWHERE
    claiming.claim(worker, 1)
    TaskRecord.objects.update(lease_until=timezone.now() - datetime.timedelta(seconds=1))
    leases.renew(worker)
    assert leases.rescue() == 0


def test_a_worker_elsewhere_is_trusted_until_its_lease_ends() -> None:
    jobs.add.enqueue(1, 2)
    claiming.claim(ELSEWHERE, 1)
    assert leases.rescue() == 0


@pytest.mark.parametrize("server", ["postgres", "mariadb"])
def test_a_row_that_a_lost_host_has_locked_holds_up_no_worker(server: str, request: pytest.FixtureRequest) -> None:
    """Its connection is open as far as the server knows, with a transaction that never ends."""
    request.getfixturevalue(server)
    for _ in range(2):
        jobs.add.enqueue(1, 2)
    locked, free = claiming.claim(ELSEWHERE, 2)
    TaskRecord.objects.update(lease_until=timezone.now() - datetime.timedelta(seconds=1))
    is_postgres = connection.vendor == "postgresql"
    lost = connection.copy()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 5000" if is_postgres else "SET innodb_lock_wait_timeout = 5")
    try:
        lost.set_autocommit(False)
        with lost.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {TaskRecord._meta.db_table} WHERE id = %s FOR UPDATE", [locked.pk])
        assert leases.rescue() == 1
        assert TaskRecord.objects.get(pk=free.pk).status == TaskResultStatus.READY
        assert TaskRecord.objects.get(pk=locked.pk).status == TaskResultStatus.RUNNING
    finally:
        lost.close()
    wait_until(leases.rescue, "the server ends the transaction")
    assert TaskRecord.objects.get(pk=locked.pk).status == TaskResultStatus.READY


@pytest.mark.usefixtures("each_database")
def test_a_worker_that_lives_on_this_machine_is_not_robbed() -> None:
    """Its lease has expired: the worker was stopped, or the machine was asleep."""
    jobs.add.enqueue(1, 2)
    claiming.claim(Identity.of_this_process(), 1)
    TaskRecord.objects.update(lease_until=timezone.now() - datetime.timedelta(hours=1))
    assert leases.rescue() == 0


@pytest.mark.parametrize("skew", [datetime.timedelta(hours=-2), datetime.timedelta(hours=2)])
def test_leases_are_told_by_the_clock_of_the_server(
    skew: datetime.timedelta, postgres: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine with a wrong clock neither takes tasks from others nor loses its own."""
    jobs.add.enqueue(1, 2)
    claiming.claim(ELSEWHERE, 1)
    right = datetime.datetime.now
    monkeypatch.setattr(timezone, "now", lambda: right(datetime.UTC) + skew)
    jobs.add.enqueue(1, 2)
    TaskRecord.objects.filter(status=TaskResultStatus.READY).update(run_after=timezone.now() - skew.__abs__() * 2)
    assert len(claiming.claim(ELSEWHERE, 1)) == 1
    leases.renew(ELSEWHERE)
    assert leases.rescue() == 0
    until = TaskRecord.objects.values_list("lease_until", flat=True)
    assert all(abs(lease - right(datetime.UTC)) < datetime.timedelta(minutes=1) for lease in until if lease)
    TaskRecord.objects.update(lease_until=right(datetime.UTC) - datetime.timedelta(seconds=1))
    assert leases.rescue() == 2


def test_only_the_named_queues_are_served() -> None:
    jobs.add.enqueue(1, 2)
    worker = Identity.of_this_process()
    assert claiming.claim(worker, 1, ("mails", "imports")) == []
    assert len(claiming.claim(worker, 1, ("mails", "default"))) == 1


def test_old_results_are_pruned() -> None:
    old, new, waiting = (jobs.add.enqueue(n, n) for n in range(3))
    moment = timezone.now() - datetime.timedelta(days=7, seconds=1)
    TaskRecord.objects.filter(pk=old.id).update(status=TaskResultStatus.FAILED, finished_at=moment)
    TaskRecord.objects.filter(pk=new.id).update(status=TaskResultStatus.FAILED, finished_at=timezone.now())
    assert transitions.prune() == 1
    assert {str(pk) for pk in TaskRecord.objects.values_list("pk", flat=True)} == {new.id, waiting.id}


@pytest.mark.parametrize(("keep", "pruned"), [(3600, 1), (datetime.timedelta(hours=3), 0), (None, 0)])
def test_results_are_kept_as_long_as_the_settings_say(
    keep: object, pruned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(task_backends["default"].options, "KEEP", keep)
    assert task_backends["default"].check() == []
    moment = timezone.now() - datetime.timedelta(hours=2)
    TaskRecord.objects.filter(pk=jobs.add.enqueue(1, 2).id).update(status=TaskResultStatus.FAILED, finished_at=moment)
    assert transitions.prune() == pruned


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("KEEPS", 1, "E005"),
        ("KEEP", 0, "E006"),
        ("KEEP", "a week", "E006"),
        ("KEEP", float("inf"), "E006"),
        ("LEASE", float("nan"), "E006"),
        ("MAX_ATTEMPTS", "many", "E007"),
        ("MAX_ATTEMPTS", 0, "E007"),
        ("BACKOFF", -1, "E008"),
        ("BACKOFF", float("nan"), "E008"),
        ("LEASE", None, "E006"),
        ("LEASE", True, "E006"),
    ],
)
def test_options_that_say_nothing_are_refused(
    name: str, value: object, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(task_backends["default"].options, name, value)
    assert [message.id for message in task_backends["default"].check()] == [f"djbundle_tasks.{code}"]


def test_a_process_is_gone_when_it_ended_or_another_has_its_number() -> None:
    assert not Identity.of_this_process().is_gone()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    machine = Identity.of_this_process().machine
    living = Identity(machine, child.pid, start_time(child.pid))
    assert not living.is_gone()
    assert Identity(machine, child.pid, "1").is_gone()
    child.kill()
    child.communicate()
    assert living.is_gone()
    assert Identity.parse(str(living)) == living


def test_only_the_claim_does_not_wait_for_the_disk() -> None:
    """Afterwards the project's setting is restored, whatever it is."""
    jobs.add.enqueue(1, 2)
    connection = connections["default"]
    synchronous_values: list[int] = []

    def look(execute: Callable[..., object], *arguments: object) -> object:
        synchronous_values.append(connection.connection.execute("PRAGMA synchronous").fetchone()[0])
        return execute(*arguments)

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous = FULL")
    with connection.execute_wrapper(look):
        (record,) = claiming.claim(Identity.of_this_process(), 1)
        transitions.finish([Outcome(record.pk, record.epoch, TaskResultStatus.SUCCESSFUL, "3")])
    look_first, claim, *later = synchronous_values
    assert claim == 1  # NORMAL
    assert {look_first, *later} == {2}  # FULL


def test_a_backlog_does_not_slow_down_the_question_for_limited_tasks() -> None:
    """SQLite finds these tasks with their own index, and does not read every waiting task."""
    with connections["default"].cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN SELECT {claiming._names(connections['default'])['keyed']}")
        plan = [row[-1] for row in cursor.fetchall()]
    assert any("djbundle_tasks_limited" in step for step in plan), plan
