"""A task that harms its process harms no other task: these all succeed, each as often as the worker says."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.tasks import TaskResultStatus

from tests.tasks.conftest import StartWorker, start_worker  # noqa: F401 - a fixture, and Django's setup

# isort: split

from djbundle.tasks.models import TaskRecord
from tests.support.waiting import wait_until
from tests.tasks import mad_jobs
from tests.tasks.databases import use_sqlite

SUCCESSFUL, FAILED = TaskResultStatus.SUCCESSFUL, TaskResultStatus.FAILED
INNOCENT = 20
PATIENCE = 120.0  # seconds
HARM: dict[str, tuple[Any, TaskResultStatus]] = {  # a task, and what becomes of it
    "close all files": (mad_jobs.close_all_files, FAILED),
    "put another file in their place": (mad_jobs.put_another_file_in_place, FAILED),
    "write to all sockets": (mad_jobs.write_to_all_sockets, FAILED),
    "die a moment later": (mad_jobs.die_a_moment_later, SUCCESSFUL),
    "fork and go on": (mad_jobs.fork_and_go_on, SUCCESSFUL),
    "fork and exit": (mad_jobs.fork_and_exit, SUCCESSFUL),
    "fork in the event loop": (mad_jobs.fork_and_go_on_later, SUCCESSFUL),
    "fork and fork": (mad_jobs.fork_and_fork, FAILED),
    "threads": (mad_jobs.start_endless_threads, SUCCESSFUL),
    "signals": (mad_jobs.block_all_signals, SUCCESSFUL),
    "folder": (mad_jobs.remove_the_folder, SUCCESSFUL),
    "no time": (mad_jobs.give_up_time, SUCCESSFUL),
    "return much": (mad_jobs.return_much, FAILED),
    "print much": (mad_jobs.print_much, SUCCESSFUL),
}
NEED_A_FOLDER = ("folder", "put another file in their place")


@pytest.fixture(autouse=True)
def _own_database(tmp_path: Path) -> Iterator[None]:
    with use_sqlite(tmp_path / "own.sqlite3"):
        yield


def is_over() -> bool:
    return not TaskRecord.objects.exclude(status__in=[SUCCESSFUL, FAILED]).exists()


def processes_of(database: Path) -> list[psutil.Process]:
    """Return the worker and all processes that come from it, orphans included."""
    return [each for each in psutil.process_iter() if is_using(each, database)]


def is_using(process: psutil.Process, database: Path) -> bool:
    try:
        environment: dict[str, str] = process.environ()
        return environment.get("TASKS_TEST_DATABASE") == str(database) and process.pid != os.getpid()
    except psutil.Error:
        return False


@pytest.mark.parametrize("harm", HARM)
def test_what_a_task_does_to_its_process(harm: str, tmp_path: Path, start_worker: StartWorker) -> None:  # noqa: F811
    task, becomes = HARM[harm]
    folder = tmp_path / "folder"
    folder.mkdir()
    task.enqueue(*([str(folder)] if harm in NEED_A_FOLDER else []))
    for number in range(INNOCENT):
        mad_jobs.note.enqueue(str(tmp_path), f"run-{number}")
    worker = start_worker("--processes", "1", "--threads", "1")
    wait_until(is_over, "all tasks have ended", PATIENCE)

    innocent = TaskRecord.objects.filter(task_path__endswith=".note")
    assert TaskRecord.objects.exclude(pk__in=innocent).get().status == becomes
    assert {record.status for record in innocent} == {SUCCESSFUL}
    for record in innocent:
        runs = (tmp_path / record.args[1]).read_text().split()
        assert len(runs) <= 1 + record.losses, "none runs behind the worker's back"
    assert worker.poll() is None
    children = psutil.Process(worker.pid).children
    wait_until(
        lambda: len(processes_of(tmp_path / "own.sqlite3")) == 1 + len(children()), "no process is left over", PATIENCE
    )
