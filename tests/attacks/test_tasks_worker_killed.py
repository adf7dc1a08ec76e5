"""A task that kills its worker is given up in the end; no task that waits beside it is."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

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
PATIENCE = 400.0  # seconds


@pytest.fixture(autouse=True)
def _own_database(tmp_path: Path) -> Iterator[None]:
    with use_sqlite(tmp_path / "own.sqlite3"):
        yield


def test_tasks_beside_one_that_kills_its_worker(tmp_path: Path, start_worker: StartWorker) -> None:  # noqa: F811
    """The test starts another worker each time, as a supervisor does."""
    mad_jobs.kill_the_worker.enqueue()
    for number in range(INNOCENT):
        mad_jobs.note.enqueue(str(tmp_path), f"run-{number}")
    workers: list[subprocess.Popen[bytes]] = []

    def is_over() -> bool:
        if not workers or workers[-1].poll() is not None:
            workers.append(start_worker())
        return not TaskRecord.objects.exclude(status__in=[SUCCESSFUL, FAILED]).exists()

    wait_until(is_over, "all tasks have ended", PATIENCE)
    innocent = TaskRecord.objects.filter(task_path__endswith=".note")
    assert {record.status for record in innocent} == {SUCCESSFUL}
    guilty = TaskRecord.objects.exclude(pk__in=innocent).get()
    assert (guilty.status, guilty.losses, len(workers)) == (FAILED, 10, 11)
