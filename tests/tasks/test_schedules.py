"""Schedules: each tick runs once, whichever worker runs it; what the code declares and what the admin changes."""

import datetime
import io
import json
import logging
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections
from django.tasks import task_backends
from django.tasks.exceptions import InvalidTask
from django.test import modify_settings, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from djbundle.tasks import schedule, schedules
from djbundle.tasks.models import Schedule, TaskRecord
from djbundle.tasks.testing import enqueued, run_pending
from djbundle.tasks.timing import Timing
from djbundle.tasks.worker import scheduler
from djbundle.tasks.worker.loop import Worker
from djbundle.tasks.worker.scheduler import Scheduler, run_tick, sync
from tests.support.waiting import wait_until
from tests.tasks import following_jobs, jobs
from tests.tasks import tasks as _tasks  # noqa: F401 - so that its declarations are made before a test replaces them
from tests.tasks.conftest import StartWorker

ADD = "tests.tasks.jobs.add"
SECOND, MINUTE, HOUR = (datetime.timedelta(seconds=seconds) for seconds in (1, 60, 3600))


@pytest.fixture(autouse=True)
def _no_schedules(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    Schedule.objects.all().delete()
    monkeypatch.setattr(schedules, "declarations", {})


def make(**values: Any) -> Schedule:
    """Make a schedule as the admin does."""
    return Schedule.objects.create(**{"name": "made", "task_path": ADD, "args": [1, 2]} | values)


def row(name: str = "made") -> Schedule:
    return Schedule.objects.get(name=name)


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


# --- ticks ---


def test_two_workers_run_each_tick_once(start_worker: StartWorker) -> None:
    """Nothing but the ticks themselves wakes the workers."""
    first = timezone.now()
    for number in range(3):
        make(name=f"each second {number}", args=[number, 0], interval=1, missed="all", next_run=first)
    start_worker("--poll", "3600")
    start_worker("--poll", "3600")
    wait_until(
        lambda: all(TaskRecord.objects.filter(args=[number, 0]).count() >= 4 for number in range(3)),
        "four ticks of each",
    )
    Schedule.objects.update(enabled=False)
    ticks = {
        number: round((row(f"each second {number}").next_run - first).total_seconds())  # type: ignore[operator]
        for number in range(3)
    }
    runs = Counter(record.args[0] for record in TaskRecord.objects.all())
    assert runs == ticks
    assert min(ticks.values()) >= 3


def test_a_tick_that_many_want_is_run_once() -> None:
    now = timezone.now()
    made = make(interval=60, next_run=now)
    won: list[bool] = []

    def run() -> None:
        won.append(run_tick(made, now))
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]
    assert TaskRecord.objects.count() == 1


def test_a_tick_that_cannot_be_enqueued_is_not_lost() -> None:
    now = timezone.now()
    made = make(interval=60, next_run=now)
    made.args = [object()]  # not JSON
    with pytest.raises(TypeError):
        run_tick(made, now)
    assert row().next_run == now


def test_a_task_of_another_backend_is_handed_over_by_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker itself does not run code of that backend."""
    elsewhere = {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}
    with override_settings(TASKS=settings.TASKS | {"elsewhere": elsewhere}):
        task = jobs.say.using(backend="elsewhere")
        monkeypatch.setattr(following_jobs, "not_yet_written", task, raising=False)
        made = make(
            interval=60, next_run=timezone.now(), args=["a"], task_path="tests.tasks.following_jobs.not_yet_written"
        )
        assert run_tick(made, timezone.now())
        backend: Any = task_backends["elsewhere"]
        assert not backend.results
        assert run_pending() == 0
        assert [result.args for result in backend.results] == [["a"]]
    assert not TaskRecord.objects.exists()


def test_a_worker_waits_no_longer_than_to_the_next_tick() -> None:
    make(name="later", interval=60, next_run=timezone.now() + 20 * MINUTE)
    make(name="sooner", interval=60, next_run=timezone.now() + 10 * MINUTE)
    worker = Worker(threads=1, poll=3600)
    worker.scheduler.enqueue_due()
    for periodic in (worker.heartbeat, *worker.maintenance.chores):
        periodic.due = time.monotonic() + 3600
    assert 590 < worker._select_timeout() <= 600


def test_turns_of_the_loop_cost_no_queries() -> None:
    make(interval=60, next_run=timezone.now() + MINUTE)
    work = Scheduler()
    work.enqueue_due()
    with CaptureQueriesContext(connection) as queries:
        for _ in range(1000):
            work.enqueue_due()
    assert len(queries) <= 1


@pytest.mark.parametrize(
    ("missed", "interval", "late", "runs"),
    [
        ("once", 60, 30 * MINUTE, 1),
        ("all", 60, 30 * MINUTE, 31),
        ("all", 3600, 30 * MINUTE, 1),
        ("skip", 3600, 30 * MINUTE, 0),
        ("skip", 3600, 59 * SECOND, 1),
        ("skip", 3600, 61 * SECOND, 0),
        ("skip", 60, 30 * MINUTE, 1),  # the last tick is due right now
        ("skip", 3600, 2 * HOUR + MINUTE / 2, 1),
        ("skip", 3600, 2 * HOUR + 2 * MINUTE, 0),
    ],
)
def test_missed_ticks(missed: str, interval: float, late: datetime.timedelta, runs: int) -> None:
    now = timezone.now()
    made = make(missed=missed, interval=interval, next_run=now - late)
    assert run_tick(made, now)
    assert TaskRecord.objects.count() == runs
    stored = row()
    assert stored.last_run == (now if runs else None)
    assert stored.next_run is not None
    assert now < stored.next_run <= now + interval * SECOND
    assert (stored.next_run - (now - late)) % (interval * SECOND) == 0 * SECOND  # it keeps its rhythm


def test_missed_ticks_of_cron() -> None:
    made = make(missed="all", cron="*/10 * * * *", next_run=utc("2027-01-01 00:00"))
    run_tick(made, utc("2027-01-01 00:59:59"))
    assert TaskRecord.objects.count() == 6
    assert row().next_run == utc("2027-01-01 01:00")


def test_missed_ticks_have_a_bound(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "MAX_MISSED", 20)
    now = timezone.now()
    run_tick(make(missed="all", interval=1, next_run=now - HOUR), now)
    assert TaskRecord.objects.count() == 20
    assert "has missed more than 20 ticks" in caplog.text
    assert row().next_run == now + SECOND


def test_one_off_runs_once() -> None:
    now = timezone.now()
    made = make(next_run=now)
    assert run_tick(made, now)
    assert (row().next_run, row().last_run) == (None, now)
    Scheduler().enqueue_due()
    assert TaskRecord.objects.count() == 1


def test_one_off_that_was_missed_is_skipped() -> None:
    now = timezone.now()
    run_tick(make(next_run=now - HOUR, missed="skip"), now)
    assert (row().next_run, row().last_run, TaskRecord.objects.count()) == (None, None, 0)


# --- clocks ---

ZURICH = "Europe/Zurich"


@pytest.mark.parametrize(
    ("timing", "ticks"),
    [
        # 28 March 2027: two o'clock becomes three
        (Timing("30 2 * * *", None, ZURICH), ["2027-03-27 01:30", "2027-03-28 01:00", "2027-03-29 00:30"]),
        (Timing("30 * * * *", None, ZURICH), ["2027-03-28 00:30", "2027-03-28 01:30"]),
        (Timing("", 86400, ZURICH), ["2027-03-27 01:30", "2027-03-28 01:30", "2027-03-29 01:30"]),
        # 31 October 2027: three o'clock becomes two
        (Timing("30 2 * * *", None, ZURICH), ["2027-10-30 00:30", "2027-10-31 00:30", "2027-11-01 01:30"]),
        (Timing("30 * * * *", None, ZURICH), ["2027-10-31 00:30", "2027-10-31 01:30", "2027-10-31 02:30"]),
        (Timing("", 86400, ZURICH), ["2027-10-30 00:30", "2027-10-31 00:30", "2027-11-01 00:30"]),
    ],
)
def test_summer_time(timing: Timing, ticks: list[str]) -> None:
    made = make(cron=timing.cron, interval=timing.interval, time_zone=timing.time_zone, next_run=utc(ticks[0]))
    for tick in ticks[1:]:
        assert run_tick(made, utc(str(made.next_run)[:19]))
        made.refresh_from_db()
        assert made.next_run == utc(tick)
    assert TaskRecord.objects.count() == len(ticks) - 1


@pytest.mark.parametrize("moment", ["2027-10-31 00:30", "2027-10-31 00:45", "2027-10-31 01:10", "2027-10-31 01:30"])
def test_an_hour_that_comes_twice_is_run_in_once(moment: str) -> None:
    """This holds whenever in these two hours the next tick is computed."""
    assert Timing("30 2 * * *", None, ZURICH).following(utc(moment), utc(moment)) == utc("2027-11-01 01:30")


@pytest.mark.parametrize(
    ("time_zone", "tick"),
    [("", "2027-01-01 03:00"), ("Asia/Tokyo", "2027-01-01 18:00"), ("America/New_York", "2027-01-01 08:00")],
)
def test_time_zone(time_zone: str, tick: str) -> None:
    moment = utc("2027-01-01 00:00")
    with override_settings(TIME_ZONE="UTC"):
        assert Timing("0 3 * * *", None, time_zone).following(moment, moment) == utc(tick)


def test_without_time_zones() -> None:
    moment = datetime.datetime(2027, 3, 27, 12)
    with override_settings(USE_TZ=False, TIME_ZONE=ZURICH):
        assert Timing("0 3 * * *").following(moment, moment) == datetime.datetime(2027, 3, 28, 3)
        assert Timing("", 86400).following(moment, moment) == datetime.datetime(2027, 3, 28, 13)


# --- what cannot be run ---


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"cron": "61 * * * *"}, "Bad minute"),
        ({"cron": "* * * * *", "time_zone": "Europe/Atlantis"}, "Europe/Atlantis"),
        ({"interval": 60, "task_path": "tests.tasks.jobs.gone"}, '"tests.tasks.jobs.gone" cannot be imported'),
        ({"interval": 60, "task_path": "tests.tasks.jobs.os"}, '"tests.tasks.jobs.os" is not a task'),
    ],
)
def test_what_cannot_be_run_is_passed_over(
    broken: dict[str, Any], message: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = timezone.now() - MINUTE
    make(name="broken", next_run=moment, **broken)
    make(name="sound", interval=60, next_run=moment)
    work = Scheduler()
    work.enqueue_due()
    assert enqueued(jobs.add) == [([1, 2], {})]
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert message in record.message
    assert 'schedule "broken" is skipped' in record.message
    assert work.seconds_left() > 0
    assert row("broken").next_run == moment
    monkeypatch.setattr(scheduler, "CHECK_INTERVAL", 0)
    work._next_check = 0
    work.enqueue_due()
    assert caplog.text.count("is skipped") == 1
    Schedule.objects.filter(name="broken").update(cron="", interval=60, task_path=ADD)
    work._skipped.clear()  # its time is over
    work.enqueue_due()
    assert TaskRecord.objects.count() == 2


def test_a_database_that_fails_is_no_fault_of_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("gone")

    make(interval=60, next_run=timezone.now())
    work = Scheduler()
    with monkeypatch.context() as patch:
        patch.setattr(scheduler, "run_tick", fail)
        with pytest.raises(OperationalError):
            work.enqueue_due()
    work.enqueue_due()
    assert TaskRecord.objects.count() == 1


# --- declared in code ---


def test_a_worker_brings_in_what_is_declared(start_worker: StartWorker) -> None:
    assert start_worker("--drain").wait(30) == 0
    stored = row("yearly")
    assert (stored.task_path, stored.interval, stored.in_code) == ("tests.tasks.tasks.report", 365 * 86400, True)
    assert stored.next_run is not None
    assert stored.next_run > timezone.now() + 364 * 24 * HOUR


def test_declarations_are_stacked_and_the_task_stays_itself() -> None:
    assert schedule(cron="0 3 * * *", args=(1,), kwargs={"b": 2})(jobs.add) is jobs.add
    schedule(every=datetime.timedelta(minutes=5), args=(1, 2), name="often")(jobs.add)
    sync()
    assert (row(ADD).cron, row(ADD).args, row(ADD).kwargs) == ("0 3 * * *", [1], {"b": 2})
    assert (row("often").interval, row("often").task_path) == (300, ADD)


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ({}, "exactly one of cron, every and at"),
        ({"cron": "* * * * *", "every": 60}, "exactly one of cron, every and at"),
        ({"cron": "* * * *"}, "is not a cron expression"),
        ({"cron": "0 0 31 2 *"}, "is not a cron expression"),
        ({"cron": "* * */20 * 1L"}, "never comes"),
        ({"every": 0.5}, "from one second"),
        ({"every": float("nan")}, "from one second"),
        ({"every": "60"}, "every must be"),
        ({"at": "2027-01-01"}, "at must be"),
        ({"every": 60, "time_zone": "Europe/Atlantis"}, "no time zone"),
        ({"every": 60, "time_zone": "../etc/passwd"}, "no time zone"),
        ({"every": 60, "missed": "never"}, "missed must be"),
        ({"every": 60, "name": ""}, "name must be"),
        ({"every": 60, "args": (1, object())}, "args must be JSON"),
        ({"every": 60, "args": (1, 2, 3)}, "cannot be called so"),
    ],
)
def test_mistakes_are_told_at_once(declaration: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidTask, match=message):
        schedule(**{"args": (1, 2)} | declaration)(jobs.add)
    assert not schedules.declarations


def test_schedules_need_a_task_and_a_name_of_their_own() -> None:
    with pytest.raises(InvalidTask, match="goes above @task"):
        schedule(every=60)(len)
    for _ in range(2):  # as when a module is loaded again
        schedule(every=60, args=(1, 2))(jobs.add)
    with pytest.raises(InvalidTask, match="already"):
        schedule(every=61, args=(1, 2))(jobs.add)


def declare(**declaration: Any) -> None:
    """Let the project's code declare this schedule alone."""
    schedules.declarations.clear()
    schedule(**{"name": "declared", "args": (1, 2)} | declaration)(jobs.add)
    sync()


def test_changes_in_the_admin_stay_until_the_code_changes() -> None:
    declare(every=60)
    stored = row("declared")
    stored.interval, stored.enabled = 30, False
    stored.save()
    declare(every=60)
    assert (row("declared").interval, row("declared").enabled) == (30, False)
    declare(every=90)
    assert (row("declared").interval, row("declared").enabled) == (90, True)


def test_a_change_in_code_moves_the_next_run_only_with_the_timing() -> None:
    declare(cron="0 3 * * *", time_zone="UTC")
    moment = timezone.now() + SECOND
    Schedule.objects.update(next_run=moment)
    declare(cron="0 3 * * *", time_zone="UTC", args=(3, 4))
    assert (row("declared").args, row("declared").next_run) == ([3, 4], moment)
    declare(cron="0 4 * * *", time_zone="UTC", args=(3, 4))
    next_run = row("declared").next_run
    assert next_run is not None
    assert next_run.hour == 4


def test_what_is_no_longer_declared_is_disabled_until_it_comes_back() -> None:
    make(interval=60)
    declare(every=60)
    Schedule.objects.filter(name="declared").update(next_run=timezone.now() - HOUR)
    schedules.declarations.clear()
    sync()
    assert (row("declared").enabled, row("declared").in_code) == (False, False)
    assert row().enabled
    declare(every=60)
    stored = row("declared")
    assert (stored.enabled, stored.in_code) == (True, True)
    assert stored.next_run is not None
    assert stored.next_run > timezone.now()


def test_what_cannot_be_imported_now_is_not_disabled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken_app").mkdir()
    (tmp_path / "broken_app/__init__.py").touch()
    (tmp_path / "broken_app/tasks.py").write_text("import a_library_that_is_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    make(name="unknown", interval=60, task_path="broken_app.tasks.work", in_code=True)
    make(name="removed", interval=60, in_code=True)
    with modify_settings(INSTALLED_APPS={"append": "broken_app"}):
        sync()
    assert row("unknown").enabled
    assert not row("removed").enabled
    assert "cannot import broken_app.tasks" in caplog.text


def test_one_off_in_code_runs_once_and_again_when_moved() -> None:
    now = timezone.now()
    declare(at=now - SECOND)
    run_tick(row("declared"), now)
    schedules.declarations.clear()
    sync()
    declare(at=now - SECOND)
    assert row("declared").next_run is None
    declare(at=now + HOUR)
    assert row("declared").next_run == now + HOUR


def test_one_off_without_a_zone_is_in_that_of_the_schedule() -> None:
    declare(at=datetime.datetime(2027, 7, 1, 12), time_zone=ZURICH)
    assert row("declared").next_run == utc("2027-07-01 10:00")


def test_two_workers_that_start_together_bring_in_one() -> None:
    schedule(every=60, args=(1, 2), name="declared")(jobs.add)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            sync()
        except BaseException as error:
            failed.append(error)
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert Schedule.objects.count() == 1


# --- made in the admin ---


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cron": "* * * * *", "interval": 60}, "not both"),
        ({}, "the only one"),
        ({"cron": "x"}, "is not a cron expression"),
        ({"interval": 0}, "from one second"),
        ({"interval": 60, "time_zone": "Mars"}, "no time zone"),
        ({"interval": 60, "task_path": "tests.tasks.jobs.gone"}, "cannot be imported"),
        ({"interval": 60, "task_path": "os.path.join"}, "is not a task"),
        ({"interval": 60, "args": {}}, "Arguments are a list"),
        ({"interval": 60, "args": [1]}, "cannot be called so"),
    ],
)
def test_mistakes_are_told_in_the_admin(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Schedule(**{"name": "made", "task_path": ADD, "args": [1, 2]} | values).full_clean()


def test_what_is_right_is_taken() -> None:
    for values in ({"cron": "0 3 * * *"}, {"interval": 60}, {"next_run": timezone.now()}):
        Schedule(name="made", task_path=ADD, args=[1], kwargs={"b": 2}, **values).full_clean()


def test_next_run_follows_from_the_timing() -> None:
    made = make(interval=60)
    assert made.next_run is not None
    assert 59 < (made.next_run - timezone.now()).total_seconds() <= 60
    moment = made.next_run
    made.args = [3, 4]
    made.save()
    assert row().next_run == moment
    made.interval = 3600
    made.save(update_fields=["interval"])
    assert row().next_run != moment


def test_ticks_of_a_disabled_schedule_are_not_missed() -> None:
    made = make(interval=60, missed="all", enabled=False, next_run=timezone.now() - HOUR)
    Scheduler().enqueue_due()
    assert scheduler.set_enabled([made], enabled=True) == 1
    Scheduler().enqueue_due()
    assert TaskRecord.objects.count() == 0
    assert scheduler.set_enabled([made], enabled=True) == 0


def test_a_form_that_was_open_during_a_tick_does_not_bring_it_back() -> None:
    now = timezone.now()
    made = make(interval=60, next_run=now)
    run_tick(made, now)
    stored = row()
    stored.next_run = now  # the value with which the form was filled in
    stored.save()
    assert row().next_run == now + MINUTE


# --- manage.py tasks ---


def tasks(*arguments: str) -> str:
    out = io.StringIO()
    call_command("tasks", *arguments, stdout=out)
    return out.getvalue()


def test_listing() -> None:
    make(cron="0 3 * * *")
    make(name="off", interval=90, enabled=False, last_run=timezone.now() - HOUR)
    make(name="past", next_run=timezone.now() - 2 * HOUR)
    schedule(every=60, args=(1, 2), name="declared")(jobs.add)
    head, declared, made, off, past = tasks("schedules").splitlines()
    assert [" ".join(line.split()) for line in (head, declared, off, past)] == [
        "NEXT LAST TIMING SCHEDULE",
        "in 1 min never every 60 s declared",
        "disabled 1 h ago every 90 s off",
        "2 h ago never once past",
    ]
    assert "0 3 * * *" in made
    printed = json.loads(tasks("schedules", "--json"))
    assert [(each["name"], each["enabled"], each["cron"]) for each in printed][1:3] == [
        ("made", True, "0 3 * * *"),
        ("off", False, ""),
    ]


def test_run_now_moves_no_tick() -> None:
    moment = timezone.now() + HOUR
    make(interval=60, next_run=moment)
    text = tasks("schedule", "run", "made")
    assert text == f'"made" is enqueued as task {TaskRecord.objects.get().pk}.\n'
    assert row().next_run == moment
    assert row().last_run is not None


def test_switching() -> None:
    make(interval=60)
    assert tasks("schedule", "disable", "made") == '"made" is disabled.\n'
    assert not row().enabled
    assert tasks("schedule", "disable", "made") == '"made" was disabled already.\n'
    assert tasks("schedule", "enable", "made") == '"made" is enabled.\n'
    assert row().enabled
    with pytest.raises(CommandError, match='no schedule "unknown"; there are: '):
        tasks("schedule", "run", "unknown")


def test_schedules_can_be_declared_before_apps_are_loaded() -> None:
    """An app's package may import its tasks."""
    program = """
from django.conf import settings
settings.configure(TASKS={"default": {"BACKEND": "djbundle.tasks.DatabaseBackend"}})
from djbundle.tasks import RetryAfter, schedule
import sys; assert "djbundle.tasks.models" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
