"""Processes that have run enough tasks are replaced."""

from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from django.tasks import TaskResultStatus

from djbundle.tasks.models import TaskRecord
from tests.support.waiting import wait_until
from tests.tasks import heavy_jobs, jobs
from tests.tasks.conftest import StartWorker


def returned() -> list[Any]:
    done = TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL)
    return list(done.order_by("id").values_list("return_value", flat=True))


def test_after_so_many_tasks(start_worker: StartWorker) -> None:
    for _ in range(20):
        heavy_jobs.tell_process.enqueue()
    assert start_worker("--drain", "--max-tasks", "3", "--threads", "2").wait(60) == 0
    assert max(Counter(returned()).values()) == 3
    assert len(returned()) == 20


def test_after_a_leak(start_worker: StartWorker) -> None:
    """The memory returns to the system, and the worker goes on."""
    for _ in range(6):
        heavy_jobs.leak.enqueue(100)
    worker = start_worker("--max-memory", "250", "--threads", "1")
    wait_until(lambda: len(returned()) == 6, "all are done")
    assert max(Counter(returned()).values()) <= 3
    wait_until(lambda: resident(worker.pid) < 400 << 20, "the memory is given back")
    assert worker.poll() is None


def resident(pid: int) -> int:
    return sum(process.memory_info().rss for process in psutil.Process(pid).children())


def test_what_runs_is_finished_while_others_go_on(tmp_path: Path, start_worker: StartWorker) -> None:
    jobs.wait_for.enqueue(str(tmp_path))
    for _ in range(10):
        heavy_jobs.tell_process.enqueue()
    start_worker("--max-tasks", "3", "--threads", "2")
    wait_until(lambda: len(returned()) == 10, "the others are done")
    (tmp_path / "go").touch()
    wait_until(lambda: len(returned()) == 11, "it ends")
    assert not TaskRecord.objects.filter(losses__gt=0).exists()
