"""Old and new code side by side, as during a rolling deploy. Real workers each run the code of their version."""

import datetime
import io
import json
import signal

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from django.tasks import Task
from django.test import Client, override_settings
from django.utils import timezone

from djbundle.contract import variables
from djbundle.tasks import call, chain, operations_api, schedules
from djbundle.tasks.models import Release, Schedule, TaskRecord, WorkerRecord
from djbundle.tasks.store import releases, transitions
from djbundle.tasks.testing import run_pending
from djbundle.tasks.worker import scheduler
from tests.support.waiting import wait_until
from tests.tasks import jobs
from tests.tasks.conftest import StartWorker
from tests.tasks.test_command import json_of, tasks

OLD = {"TASKS_TEST_OPTIONS": json.dumps({"VERSION": "old"}), "TASKS_TEST_CODE": "old"}
NEW = {"TASKS_TEST_OPTIONS": json.dumps({"VERSION": "new"}), "TASKS_TEST_CODE": "new"}
BACKEND = "djbundle.tasks.DatabaseBackend"
ONLY_NEW = "tests.tasks.following_jobs.only_in_new_code"


@pytest.fixture(autouse=True)
def _no_declarations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "declarations", {})


def run_version(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Make this process run that version of the code."""
    monkeypatch.setattr(releases, "name", lambda: version)


def record_release(version: str, *, first: int, last: int = 0) -> None:
    """Record a worker of that version, first and last seen so many seconds ago."""
    now = timezone.now()
    seconds = [datetime.timedelta(seconds=ago) for ago in (first, last)]
    Release.objects.create(name=version, first_seen_at=now - seconds[0], seen_at=now - seconds[1])


def declare_hourly() -> None:
    schedules.schedule(every=3600, args=(1, 2), name="hourly")(jobs.add)


def hourly() -> Schedule:
    return Schedule.objects.get(name="hourly")


def enqueue(path: str) -> TaskRecord:
    jobs.say.enqueue("it is known")
    TaskRecord.objects.update(task_path=path)
    return TaskRecord.objects.get()


def has_run(count: int) -> bool:
    """Return whether so many tasks have run; tasks that the old worker has given back become due at once."""
    operations_api.run_now(transitions.records())
    return TaskRecord.objects.filter(status="SUCCESSFUL").count() == count


@pytest.mark.usefixtures("each_database")
def test_task_of_newer_code_waits_for_a_worker_that_knows_it(start_worker: StartWorker) -> None:
    record = enqueue(ONLY_NEW)
    old = start_worker(**OLD)
    wait_until(lambda: TaskRecord.objects.get().held, "the old one has given it back")
    start_worker(**NEW)
    wait_until(lambda: has_run(1), "the new one has run it")
    record.refresh_from_db()
    assert (record.errors, record.losses) == ([], 0)
    assert str(old.pid) not in [worker.split("/")[1] for worker in record.worker_ids]


@pytest.mark.parametrize("task", [jobs.double, jobs.add_slowly])
def test_call_of_newer_code_with_other_arguments_waits(monkeypatch: pytest.MonkeyPatch, task: Task) -> None:
    task.enqueue(1, 2, rounded=True)
    record_release("old", first=7200)
    record_release("new", first=60)
    run_version(monkeypatch, "old")
    assert run_pending() == 0
    held = TaskRecord.objects.get().held
    assert held
    assert "rounded" in held["why"] or "positional" in held["why"]
    run_version(monkeypatch, "new")  # it does not know them either
    TaskRecord.objects.update(run_after=timezone.now())
    assert run_pending() == 1
    assert TaskRecord.objects.get().status == "FAILED"


def test_type_error_of_the_task_itself_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs.total.enqueue("no list")  # type: ignore[arg-type]
    record_release("old", first=7200)
    record_release("new", first=60)
    run_version(monkeypatch, "old")
    assert run_pending() == 1
    assert TaskRecord.objects.get().status == "FAILED"


@pytest.mark.usefixtures("each_database")
def test_follower_of_newer_code_is_made_by_a_worker_that_knows_it(start_worker: StartWorker) -> None:
    chain(call(jobs.say, "x"), call(jobs.say)).enqueue()
    record = TaskRecord.objects.get()
    assert record.then
    record.then[0]["task"] = ONLY_NEW
    record.save()
    start_worker(**OLD)
    wait_until(lambda: TaskRecord.objects.count() == 2, "the old one has noted what follows")
    assert TaskRecord.objects.get(task_path=ONLY_NEW).status in ("READY", "RUNNING")
    start_worker(**NEW)
    wait_until(lambda: has_run(2), "the new one has run it")
    assert TaskRecord.objects.get(task_path=ONLY_NEW).concurrency_key == ONLY_NEW


@pytest.mark.usefixtures("each_database")
def test_workers_tell_their_version(start_worker: StartWorker) -> None:
    start_worker(**OLD)
    start_worker(**NEW)
    wait_until(lambda: WorkerRecord.objects.count() == 2, "both are listed")
    assert {worker["release"] for worker in json_of("workers")} == {"old", "new"}
    assert "new" in tasks("workers")
    client = Client()
    client.force_login(User.objects.get_or_create(username="boss", is_staff=True, is_superuser=True)[0])
    page = client.get("/admin/djbundle_tasks/taskrecord/overview/").content.decode()
    assert "<td>old</td>" in page
    assert "<td>new</td>" in page


def test_old_code_that_starts_again_leaves_what_newer_code_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    record_release("old", first=7200)
    record_release("new", first=60)
    run_version(monkeypatch, "new")
    declare_hourly()
    assert scheduler.sync()
    run_version(monkeypatch, "old")
    schedules.declarations.clear()  # this process does not have this schedule
    assert not scheduler.sync()
    assert (hourly().enabled, hourly().in_code) == (True, True)
    assert "newer code" in _stderr_of("schedules")


def test_old_code_does_not_bring_back_what_newer_code_has_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    record_release("old", first=7200)
    run_version(monkeypatch, "old")
    declare_hourly()
    assert scheduler.sync()
    record_release("new", first=60)
    run_version(monkeypatch, "new")
    declared = dict(schedules.declarations)
    schedules.declarations.clear()
    assert scheduler.sync()
    run_version(monkeypatch, "old")
    schedules.declarations.update(declared)
    assert not scheduler.sync()
    assert not hourly().enabled


def test_after_a_rollback_the_older_code_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    record_release("old", first=7200)
    record_release("new", first=3600, last=int(releases.STALE_AFTER.total_seconds()) + 1)
    run_version(monkeypatch, "old")
    declare_hourly()
    assert scheduler.sync()
    assert hourly().enabled


def test_waiting_scheduler_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    record_release("old", first=7200)
    record_release("new", first=60)
    run_version(monkeypatch, "old")
    declare_hourly()
    waiting = scheduler.Scheduler()
    waiting.enqueue_due()
    assert not Schedule.objects.exists()
    Release.objects.filter(name="new").delete()
    waiting._next_sync = 0.0  # as after the interval
    waiting.enqueue_due()
    assert hourly().enabled


def test_real_old_worker_changes_no_schedule(start_worker: StartWorker) -> None:
    newer = start_worker(**NEW)
    jobs.say.enqueue("x")
    wait_until(TaskRecord.objects.filter(status="SUCCESSFUL").exists, "it has brought in its schedules")
    record_release("old", first=7200, last=3600)
    declared = Schedule.objects.create(name="new", task_path=ONLY_NEW, args=["x"], interval=3600, in_code=True)
    old = start_worker(**OLD)
    wait_until(lambda: WorkerRecord.objects.count() == 2, "both run")
    jobs.say.enqueue("x")
    for worker in (old, newer):
        wait_until(lambda: not transitions.due().exists(), "their loops have turned")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    declared.refresh_from_db()
    assert (declared.enabled, declared.in_code) == (True, True)


def test_version_is_what_somebody_says_or_follows_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    name = releases.name.__wrapped__
    assert len(name()) == 12
    assert name() == name()
    monkeypatch.setenv(variables.RELEASE, "1.2 (2027-01-01)")
    assert name() == "1.2 (2027-01-01)"
    with override_settings(TASKS={"default": {"BACKEND": BACKEND, "OPTIONS": {"VERSION": 3}}}):
        assert name() == "3"


@pytest.mark.usefixtures("each_database")
def test_code_from_before_versions_can_write_its_rows() -> None:
    """Migration 0005 runs while workers with the code before it are alive."""
    jobs.say.enqueue("x")
    now = connections["default"].ops.adapt_datetimefield_value(timezone.now())
    columns = "identity, host, pid, queues, processes, threads, started_at, seen_at"
    with connections["default"].cursor() as cursor:
        sql = f"INSERT INTO djbundle_tasks_workerrecord ({columns}) VALUES (%s, 'h', 1, '[]', 1, 4, %s, %s)"
        cursor.execute(sql, ["machine/1/1", now, now])
    assert json_of("workers")[0]["release"] is None
    assert "an unknown version" in tasks("workers")
    assert releases.newer() is None
    assert run_pending() == 1


def _stderr_of(*arguments: str) -> str:
    err = io.StringIO()
    call_command("tasks", *arguments, stdout=io.StringIO(), stderr=err)
    return err.getvalue()
