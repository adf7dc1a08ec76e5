"""The database does not answer for a while: the worker waits, goes on, and has lost nothing."""

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.db import OperationalError, connections
from django.tasks import TaskResult, TaskResultStatus

from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import claim, transitions
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.worker.database_backoff import DatabaseBackoff
from djbundle.tasks.worker.loop import Worker
from tests.support.postgres import Postgres
from tests.support.waiting import wait_until
from tests.tasks import heavy_jobs, jobs
from tests.tasks.conftest import StartWorker

DONE = {"status": TaskResultStatus.SUCCESSFUL}


@contextmanager
def locked() -> Iterator[None]:
    """Hold the write lock over another connection."""
    with closing(sqlite3.connect(connections["default"].settings_dict["NAME"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_restarted_server(tmp_path: Path, postgres: Postgres, start_worker: StartWorker) -> None:
    """A task ends while the server is down."""
    jobs.wait_for.enqueue(str(tmp_path))
    worker = start_worker("--threads", "1", "--processes", "2")
    wait_until((tmp_path / "started").exists, "the task runs")
    postgres.restart()
    (tmp_path / "go").touch()
    connections["default"].close()
    wait_until(TaskRecord.objects.filter(**DONE).exists, "its outcome is written")
    jobs.add.enqueue(1, 2)
    wait_until(lambda: TaskRecord.objects.filter(**DONE).count() == 2, "the worker goes on")
    assert worker.poll() is None
    assert TaskRecord.objects.filter(losses__gt=0).count() == 0


def test_locked_file(tmp_path: Path, start_worker: StartWorker) -> None:
    """The file is locked longer than SQLite waits, while one task ends and another kills its process."""
    jobs.wait_for.enqueue(str(tmp_path))
    heavy_jobs.die_once_told.enqueue(str(tmp_path))
    worker = start_worker("--processes", "2", "--threads", "1", TASKS_TEST_LOCK_TIMEOUT="0.2")
    wait_until(lambda: (tmp_path / "started").exists() and (tmp_path / "armed").exists(), "both run")
    with locked():
        (tmp_path / "go").touch()
        wait_until((tmp_path / "died").exists, "the process dies")
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(1.5)
    wait_until(lambda: TaskRecord.objects.filter(**DONE).count() == 2, "both are written")
    assert sorted(TaskRecord.objects.values_list("losses", flat=True)) == [0, 1]


def test_stop_while_the_file_is_locked(tmp_path: Path, start_worker: StartWorker) -> None:
    """The worker retries during the grace period, then exits; the next worker frees the task."""
    jobs.wait_for.enqueue(str(tmp_path))
    worker = start_worker("--grace", "1", TASKS_TEST_LOCK_TIMEOUT="0.1")
    wait_until((tmp_path / "started").exists, "the task runs")
    with locked():
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    assert TaskRecord.objects.get().status == TaskResultStatus.RUNNING
    (tmp_path / "go").touch()
    assert start_worker("--drain").wait(30) == 0
    assert TaskRecord.objects.get().status == TaskResultStatus.SUCCESSFUL


def test_answer_to_a_claim_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks are freed, although the heartbeat of this worker would keep them for ever."""
    jobs.add.enqueue(1, 2)
    worker = Worker(threads=1)
    monkeypatch.setattr(worker.pool, "start_missing_processes", lambda: None)
    monkeypatch.setattr(type(worker.pool), "room", 5)
    claim_runs = claim.claim_runs

    def claim_and_fail(identity: Identity, limit: int, queues: transitions.Queues, kind: claim.TaskKind) -> list[Run]:
        claim_runs(identity, limit, queues, kind)
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(claim, "claim_runs", claim_and_fail)
        with pytest.raises(OperationalError):
            worker.claiming.run()
    assert TaskRecord.objects.get().status == TaskResultStatus.RUNNING
    worker.claiming.run()
    assert [record.epoch for record in worker.pool.unassigned] == [2]


@pytest.mark.usefixtures("each_database")
def test_result_that_the_database_refuses_holds_up_no_other(start_worker: StartWorker) -> None:
    refused: list[TaskResult] = [heavy_jobs.return_what_is_no_json.enqueue(), heavy_jobs.return_zero_byte.enqueue()]
    strange = heavy_jobs.fail_with_strange_text.enqueue()
    good = [jobs.add.enqueue(number, number) for number in range(10)]
    assert start_worker("--drain").wait(30) == 0
    results: list[TaskResult] = [*refused, strange, *good]
    for result in results:
        result.refresh()
    assert [result.return_value for result in good] == [number * 2 for number in range(10)]
    assert "FAILED" in {result.status for result in refused}
    assert "\\0 \\ud800" in strange.errors[0].traceback


@pytest.mark.parametrize("engine", ["sqlite", "postgres", "mariadb"])
def test_tables_that_are_missing_are_said_with_the_command(
    engine: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """The database does answer then, so it is not told to be down."""
    if engine != "sqlite":
        request.getfixturevalue(engine)
    assert not DatabaseBackoff().run(lambda: connections["default"].cursor().execute("SELECT 1 FROM not_migrated"))
    assert "run the command migrate: " in caplog.text
    assert "not_migrated" in caplog.text
