"""The worker as a process: killed, stopped, woken."""

import signal
import threading
from pathlib import Path

import pytest
from django.db import connections
from django.tasks import TaskResultStatus

from djbundle.tasks import queue, worker
from djbundle.tasks.models import TaskRecord
from tests.tasks import jobs
from tests.tasks.conftest import StartWorker
from tests.waiting import wait_until


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


def test_a_task_that_kills_its_workers_is_given_up(start_worker: StartWorker) -> None:
    jobs.kill_worker.enqueue()
    for losses in range(1, queue.MAX_LOSSES + 1):
        assert start_worker().wait(30) == -signal.SIGKILL, losses
    start_worker("--drain").wait(30)
    wait_until(lambda: status() == TaskResultStatus.FAILED, "the task is given up")


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


def test_a_commit_wakes_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "POLL", 3600.0)
    looked = threading.Event()
    look = worker.Worker._look
    monkeypatch.setattr(worker.Worker, "_look", lambda self: (look(self), looked.set()))
    waiting = worker.Worker(threads=1)

    def run() -> None:
        waiting.run()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    assert looked.wait(30)
    jobs.add.enqueue(1, 2)
    wait_until(lambda: status() == TaskResultStatus.SUCCESSFUL, "the task ends")
    waiting.stop()
    waiting.waker.send(b"\0")
    thread.join(30)
    assert not thread.is_alive()
