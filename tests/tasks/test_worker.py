"""The worker as a process: killed, stopped, woken."""

import signal
from pathlib import Path

import psutil
from django.tasks import TaskResultStatus

from djbundle.tasks import operations_api
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import leases, transitions
from tests.support.waiting import wait_until
from tests.tasks import jobs
from tests.tasks.conftest import StartWorker


def status() -> str:
    return TaskRecord.objects.get().status


def test_a_killed_worker_loses_no_task(tmp_path: Path, start_worker: StartWorker) -> None:
    result = jobs.wait_for.enqueue(str(tmp_path))
    first = start_worker()
    wait_until((tmp_path / "started").exists, "the task starts")
    first.send_signal(signal.SIGKILL)
    first.wait()
    start_worker()
    wait_until(lambda: (tmp_path / "started").read_text() == "xx", "the task is run again")
    (tmp_path / "go").touch()
    wait_until(lambda: status() == TaskResultStatus.SUCCESSFUL, "the task ends")
    result.refresh()
    assert result.attempts == 2


def test_a_task_outlives_many_workers(tmp_path: Path, start_worker: StartWorker) -> None:
    """It survives more lost workers than it may take processes with it, since a task does not kill whole workers."""
    jobs.wait_for.enqueue(str(tmp_path))
    for run in range(1, leases.MAX_CRASHES + 2):
        worker = start_worker()
        begun = "x" * run
        wait_until(lambda begun=begun: marks(tmp_path / "started") == begun, "the task starts")  # type: ignore[misc]
        worker.kill()
        worker.wait()
    start_worker()
    (tmp_path / "go").touch()
    wait_until(lambda: status() == TaskResultStatus.SUCCESSFUL, "the task ends")


def marks(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def test_killed_workers_are_no_charge_on_a_task(tmp_path: Path, start_worker: StartWorker) -> None:
    """Its own process may die as often as if no worker had been killed."""
    jobs.wait_for.enqueue(str(tmp_path))
    deaths = [*["worker"] * leases.MAX_CRASHES, *["processes"] * (leases.MAX_CRASHES - 1), "worker"]
    worker = start_worker()
    for number, dies in enumerate(deaths, 1):
        begun = "x" * number
        wait_until(lambda begun=begun: marks(tmp_path / "started") == begun, "the task starts")  # type: ignore[misc]
        if dies == "worker":
            worker.kill()
            worker.wait()
            worker = start_worker()
        else:
            for process in psutil.Process(worker.pid).children():
                process.kill()
    (tmp_path / "go").touch()
    wait_until(lambda: status() == TaskResultStatus.SUCCESSFUL, "the task ends")
    record = TaskRecord.objects.get()
    assert (record.losses, record.worker_losses) == (len(deaths), deaths.count("worker"))


def test_a_task_that_kills_its_process_is_given_up(start_worker: StartWorker) -> None:
    """The worker itself goes on."""
    jobs.kill_worker.enqueue()
    assert start_worker("--drain").wait(30) == 0
    record = TaskRecord.objects.get()
    assert (record.status, record.losses) == (TaskResultStatus.FAILED, leases.MAX_CRASHES)
    assert "processes ended while they ran this task" in record.errors[0]["traceback"]


def test_a_task_that_kills_its_process_harms_no_other(start_worker: StartWorker) -> None:
    """All of them run in one process, at the same time."""
    slow = [jobs.add_after.enqueue(0.3, number) for number in range(6)]
    jobs.kill_worker.enqueue()
    assert start_worker("--drain", "--threads", "8").wait(60) == 0
    assert TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL).count() == len(slow)
    assert TaskRecord.objects.get(status=TaskResultStatus.FAILED).task_path.endswith("kill_worker")


def test_a_task_that_takes_too_long_is_killed(start_worker: StartWorker) -> None:
    quick = jobs.add.enqueue(1, 2)
    result = jobs.hang.enqueue()
    assert start_worker("--drain").wait(60) == 0
    result.refresh()
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 2)
    assert [error.exception_class for error in result.errors] == [TimeoutError, TimeoutError]
    quick.refresh()
    assert quick.return_value == 3


def test_no_task_waits_behind_a_long_one(tmp_path: Path, start_worker: StartWorker) -> None:
    """Quick tasks are handed out many at a time; tasks that wait behind a slow one are taken back."""
    for number in range(300):
        jobs.add.enqueue(number, number)
    jobs.wait_for.enqueue(str(tmp_path))
    for number in range(300):
        jobs.add.enqueue(number, number)
    start_worker("--processes", "2", "--threads", "1")
    done = TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL)
    wait_until(lambda: done.count() == 600, "all but the slow one are done")
    (tmp_path / "go").touch()
    wait_until(lambda: done.count() == 601, "the slow one ends")
    assert not TaskRecord.objects.filter(losses__gt=0).exists()


def test_processes_end_with_their_worker(start_worker: StartWorker, tmp_path: Path) -> None:
    jobs.wait_for.enqueue(str(tmp_path))
    process = start_worker("--processes", "2")
    wait_until((tmp_path / "started").exists, "the task starts")
    children = psutil.Process(process.pid).children()
    assert len(children) == 2
    process.kill()
    wait_until(lambda: not any(child.is_running() for child in children), "they are gone")


def test_a_stopped_worker_finishes_what_it_runs(tmp_path: Path, start_worker: StartWorker) -> None:
    jobs.wait_for.enqueue(str(tmp_path))
    process = start_worker()
    wait_until((tmp_path / "started").exists, "the task starts")
    process.send_signal(signal.SIGTERM)
    (tmp_path / "go").touch()
    assert process.wait(30) == 0
    assert status() == TaskResultStatus.SUCCESSFUL


def test_a_task_that_outlasts_the_grace_is_given_back(tmp_path: Path, start_worker: StartWorker) -> None:
    jobs.wait_for.enqueue(str(tmp_path))
    process = start_worker("--grace", "0.1")
    wait_until((tmp_path / "started").exists, "the task starts")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert status() == TaskResultStatus.READY
    assert TaskRecord.objects.get().losses == 0


def test_a_commit_wakes_the_worker(start_worker: StartWorker) -> None:
    jobs.add.enqueue(1, 2)
    start_worker("--poll", "3600")
    wait_until(lambda: status() == TaskResultStatus.SUCCESSFUL, "the task that was there")
    result = jobs.add.enqueue(3, 4)
    wait_until(lambda: TaskRecord.objects.get(pk=result.id).status == TaskResultStatus.SUCCESSFUL, "the new one")


def test_progress_is_seen_while_a_task_runs_and_cancelling_ends_it(tmp_path: Path, start_worker: StartWorker) -> None:
    """Cancelling ends it even if it has attempts left."""
    jobs.until_cancelled.enqueue(str(tmp_path))
    start_worker()
    wait_until(lambda: TaskRecord.objects.get().progress == {"done": 1, "total": 2, "note": "waiting"}, "it is told")
    assert operations_api.cancel(transitions.records()) == 1
    wait_until(lambda: status() == TaskResultStatus.FAILED, "the task has ended")
    record = TaskRecord.objects.get()
    assert [error["exception_class_path"] for error in record.errors] == ["djbundle.tasks.context.Cancelled"]
    assert len(record.worker_ids) == 1
