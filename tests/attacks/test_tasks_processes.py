"""Tasks start, inherit and leave behind: pools, processes, connections, exit handlers."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from django.tasks import TaskResult, TaskResultStatus

from tests.tasks.conftest import (  # noqa: F401 - fixtures, and Django's setup
    StartWorker,
    each_database,
    postgres,
    postgres_server,
    start_worker,
)

# isort: split

from django.db import connections

from djbundle.tasks.models import TaskRecord
from djbundle.tasks.worker import process_handle
from tests.support.postgres import Postgres
from tests.support.waiting import wait_until
from tests.tasks import hostile_jobs, jobs
from tests.tasks.databases import use_sqlite

ON_BOTH = pytest.mark.parametrize("each_database", ["sqlite", "postgresql"], indirect=True)
POOL = {"TASKS_TEST_SETTINGS": json.dumps({"OPTIONS": {"pool": {"min_size": 1, "max_size": 4, "timeout": 5}}})}
KEPT = {"TASKS_TEST_SETTINGS": json.dumps({"CONN_MAX_AGE": None})}


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[None]:
    with use_sqlite(tmp_path / "own.sqlite3"):
        yield


def started_by(folder: Path) -> list[psutil.Process]:
    """Return the processes whose ids a task has written down."""

    def written() -> list[str]:
        return (folder / "pids").read_text().split() if (folder / "pids").exists() else []

    return [psutil.Process(int(pid)) for pid in wait_until(written, "the processes run")]


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.usefixtures("postgres")
def test_pool_of_connections(start_worker: StartWorker) -> None:  # noqa: F811
    """Processes are forked while the worker has used its pool, and later replaced."""
    results = [hostile_jobs.tell_server_process.enqueue() for _ in range(40)]
    assert start_worker("--drain", "--processes", "2", "--max-tasks", "5", **POOL).wait(60) == 0
    for result in results:
        result.refresh()
    assert {result.status for result in results} == {TaskResultStatus.SUCCESSFUL}


@ON_BOTH
def test_multiprocessing_in_tasks(each_database: str, start_worker: StartWorker) -> None:  # noqa: F811
    """Such processes exit when they are asked to, and their queries disturb no other process."""
    squares = [hostile_jobs.use_pool.enqueue() for _ in range(3)]
    queries = [hostile_jobs.query_in_processes.enqueue() for _ in range(3)]
    assert start_worker("--drain").wait(60) == 0
    for result in (*squares, *queries):
        result.refresh()
    assert [result.return_value for result in squares] == [[0, 1, 4, 9, 16]] * 3
    assert [result.return_value for result in queries] == [[0, 0]] * 3


@pytest.mark.usefixtures("own_database")
def test_process_that_dies_while_one_of_its_own_lives(tmp_path: Path, start_worker: StartWorker) -> None:  # noqa: F811
    """The worker notices it although the grandchild has inherited all open files, and kills the grandchild too."""
    hostile_jobs.die_with_a_process.enqueue(str(tmp_path))
    jobs.add.enqueue(1, 2)
    start_worker()
    (process,) = started_by(tmp_path)
    wait_until(lambda: is_gone(process), "it is ended")
    failed = TaskRecord.objects.filter(status=TaskResultStatus.FAILED, losses=3)
    wait_until(failed.exists, "the task is given up")
    wait_until(TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL).exists, "the other one is done")


@pytest.mark.usefixtures("own_database")
def test_timeout_ends_all_that_the_task_has_started(tmp_path: Path, start_worker: StartWorker) -> None:  # noqa: F811
    hostile_jobs.hang_with_processes.enqueue(str(tmp_path))
    start_worker()
    processes = started_by(tmp_path)
    assert len(processes) == 2
    wait_until(TaskRecord.objects.filter(status=TaskResultStatus.FAILED).exists, "it takes too long")
    wait_until(lambda: all(map(is_gone, processes)), "all are ended")


@pytest.mark.usefixtures("own_database")
def test_timeout_ends_daemons_and_what_starts_itself_anew(tmp_path: Path, start_worker: StartWorker) -> None:  # noqa: F811
    """They have their own process groups and sessions, and their parents have exited."""
    hostile_jobs.hang_with_daemons.enqueue(str(tmp_path))
    start_worker()
    wait_until(TaskRecord.objects.filter(status=TaskResultStatus.FAILED).exists, "it takes too long")
    assert len(started_by(tmp_path)) == 2
    wait_until(lambda: not with_argument(str(tmp_path)), "all are ended")


def with_argument(text: str) -> list[psutil.Process]:
    """Return the processes that run with this argument."""
    processes = [process for process in psutil.process_iter(["cmdline"]) if text in (process.info["cmdline"] or [])]
    return [process for process in processes if not is_gone(process)]


@pytest.mark.usefixtures("own_database")
def test_timeout_does_not_end_what_an_earlier_task_has_left(tmp_path: Path, start_worker: StartWorker) -> None:  # noqa: F811
    leaving = hostile_jobs.leave_a_daemon.enqueue(str(tmp_path))
    start_worker("--threads", "1")
    (daemon,) = started_by(tmp_path)
    wait_until(TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL).exists, "it has left a daemon")
    hostile_jobs.hang_twice.enqueue()
    wait_until(TaskRecord.objects.filter(status=TaskResultStatus.FAILED).exists, "another one takes too long")
    leaving.refresh()
    wait_until(lambda: not psutil.pid_exists(leaving.return_value), "the process of the first is replaced")
    assert not is_gone(daemon)
    daemon.kill()


@pytest.mark.usefixtures("own_database")
@pytest.mark.parametrize("options", [["--max-tasks", "1"], ["--drain"]])
def test_what_is_registered_for_the_exit_is_run(
    options: list[str],
    tmp_path: Path,
    start_worker: StartWorker,  # noqa: F811
) -> None:
    """Exit handlers run when a process is recycled and when its worker ends; the worker waits for none that hangs."""
    hostile_jobs.register.enqueue(str(tmp_path))
    start_worker(*options)
    wait_until((tmp_path / "flushed").exists, "it is run")


@pytest.mark.parametrize("environment", [{}, KEPT], ids=["closed", "kept"])
def test_server_restarts_between_tasks(
    environment: dict[str, str],
    postgres: Postgres,  # noqa: F811
    start_worker: StartWorker,  # noqa: F811
) -> None:
    """A persistent connection that no longer works is not handed to a task."""
    done = TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL)
    start_worker("--threads", "1", **environment)
    for number in (1, 2, 3):
        hostile_jobs.tell_server_process.enqueue()
        wait_until(lambda number=number: done.count() == number, "it is done")  # type: ignore[misc]
        postgres.restart()
        connections["default"].close()
    assert not TaskRecord.objects.exclude(status=TaskResultStatus.SUCCESSFUL).exists()


@pytest.mark.usefixtures("own_database")
def test_stopped_process_keeps_no_worker_from_ending(tmp_path: Path, start_worker: StartWorker) -> None:  # noqa: F811
    """The stopped process is idle, and does not exit when it is asked to."""
    worker = start_worker("--processes", "2")
    (first, _) = wait_until(lambda: two_children(worker.pid), "they run")
    first.send_signal(signal.SIGSTOP)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    assert is_gone(first)


def two_children(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children()
    return children if len(children) == 2 else []


@pytest.mark.usefixtures("own_database")
def test_event_loop_that_is_stopped(start_worker: StartWorker) -> None:  # noqa: F811
    """Async tasks share the loop; those that it no longer serves are run again in another process."""
    guilty = hostile_jobs.stop_the_loop.enqueue()
    innocent = [hostile_jobs.wait_a_little.enqueue() for _ in range(6)]
    assert start_worker("--drain").wait(60) == 0
    results: list[TaskResult] = [guilty, *innocent]
    for result in results:
        result.refresh()
    assert guilty.status == TaskResultStatus.FAILED
    assert {result.status for result in innocent} == {TaskResultStatus.SUCCESSFUL}


@pytest.mark.parametrize("name", hostile_jobs.CHANGES)
@pytest.mark.usefixtures("own_database")
def test_event_loop_that_is_changed(name: str, start_worker: StartWorker) -> None:  # noqa: F811
    """Tasks before and after it in the same process find the loop as it was; none waits for ever."""
    innocent = [hostile_jobs.use_the_loop.enqueue() for _ in range(2)]
    hostile_jobs.change_the_loop.enqueue(name)
    innocent += [hostile_jobs.use_the_loop.enqueue() for _ in range(6)]
    assert start_worker("--drain", "--processes", "1", "--threads", "4").wait(60) == 0
    for result in innocent:
        result.refresh()
    assert {result.status for result in innocent} == {TaskResultStatus.SUCCESSFUL}


def test_process_that_was_stopped_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_handle, "STOPPED_CHECK_INTERVAL", 0.0)
    monkeypatch.setattr(process_handle, "STOPPED_TIMEOUT", 0.2)
    with subprocess.Popen(["sleep", "60"]) as process:
        child = process_handle.ProcessHandle(process.pid, SimpleNamespace(), 1)  # type: ignore[arg-type]
        assert not child.is_stopped()
        process.send_signal(signal.SIGSTOP)
        wait_until(child.is_stopped, "it is seen")
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: not child.is_stopped(), "it goes on")
        process.kill()


@pytest.mark.slow
@pytest.mark.usefixtures("own_database")
def test_process_that_stops_itself_is_killed(start_worker: StartWorker) -> None:  # noqa: F811
    guilty, innocent = hostile_jobs.stop_the_process.enqueue(), jobs.add.enqueue(1, 2)
    start_worker()
    wait_until(lambda: TaskRecord.objects.filter(pk=guilty.id, losses=1).exists(), "it is killed", 60)
    wait_until(
        lambda: TaskRecord.objects.get(pk=innocent.id).status == TaskResultStatus.SUCCESSFUL, "the other is done"
    )


@ON_BOTH
def test_exceptions_raised_in_threads_that_are_idle(each_database: str, start_worker: StartWorker) -> None:  # noqa: F811
    """There are at least as many exceptions as threads: each thread goes on."""
    for seconds in (0.0, 0.0001, 0.001, 0.01, 0.05, 0.05, 0.1, 0.3):
        hostile_jobs.interrupt_later.enqueue(seconds)
    worker = start_worker("--processes", "1", "--threads", "2")
    done = TaskRecord.objects.filter(finished_at__isnull=False)
    wait_until(lambda: done.count() == 8, "all have ended")
    (process,) = psutil.Process(worker.pid).children()
    for _ in range(2):
        time.sleep(0.4)  # so that the threads are idle when the last exceptions arrive
        results = [jobs.add.enqueue(number, number) for number in range(20)]
        wait_until(lambda: not TaskRecord.objects.filter(finished_at=None).exists(), "all others are done")
    for result in results:
        result.refresh()
    assert [result.return_value for result in results] == [2 * number for number in range(20)]
    assert psutil.Process(worker.pid).children() == [process]
    assert not TaskRecord.objects.filter(losses__gt=0).exists()


@pytest.mark.parametrize("name", ["silence", "tire"])
@pytest.mark.usefixtures("own_database")
def test_process_that_begins_nothing_is_replaced(name: str, start_worker: StartWorker) -> None:  # noqa: F811
    """The crash count of its tasks does not rise."""
    getattr(hostile_jobs, name).enqueue()
    impatient = {"DJANGO_SETTINGS_MODULE": "tests.tasks.listening_settings", "TASKS_TEST_IMPATIENT": "1"}
    worker = start_worker("--processes", "1", "--threads", "2", **impatient)
    wait_until(lambda: TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL).exists(), "it has run")
    (process,) = psutil.Process(worker.pid).children()
    time.sleep(0.5)
    results = [jobs.add.enqueue(number, number) for number in range(20)]
    wait_until(lambda: is_gone(process), "the process is replaced")
    wait_until(lambda: not TaskRecord.objects.filter(finished_at=None).exists(), "all others are done")
    for result in results:
        result.refresh()
    assert [result.return_value for result in results] == [2 * number for number in range(20)]
    assert {result.attempts for result in results} == {1}
    assert not TaskRecord.objects.filter(losses__gt=0).exists()
