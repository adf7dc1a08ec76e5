"""From the row to the outcome."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.dispatch import Signal
from django.utils import timezone

from djbundle.tasks import DatabaseBackend
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import claim, transitions
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.testing import run_pending
from djbundle.tasks.worker.attempt import execute
from tests.conformance import jobs
from tests.conformance.api import LOGGER, TaskResult, TaskResultStatus, task_finished, task_started
from tests.conformance.workers import drain
from tests.support.moments import in_order

Run = Callable[[], Any]
everywhere = pytest.mark.parametrize("run", [run_pending, drain])  # in this thread, and by a worker


@contextmanager
def listening(signal: Signal, receive: Callable[..., None]) -> Iterator[None]:
    signal.connect(receive)
    try:
        yield
    finally:
        signal.disconnect(receive)


def ended(result: TaskResult) -> TaskResult:
    """Return the refreshed result; it must have started and finished, in the right order."""
    result.refresh()
    assert result.is_finished
    assert in_order(result.enqueued_at, result.started_at, result.last_attempted_at, result.finished_at, timezone.now())
    assert result.attempts == len(result.worker_ids) >= 1
    return result


@everywhere
def test_success(run: Run) -> None:
    results = [task.enqueue(21) for task in (jobs.double, jobs.double_async)]
    run()
    for result in map(ended, results):
        assert (result.status, result.return_value, result.errors) == (TaskResultStatus.SUCCESSFUL, 42, [])
        assert result.attempts == 1
        assert all(isinstance(worker, str) and worker for worker in result.worker_ids)


@everywhere
@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_failure(run: Run, kind: type[BaseException]) -> None:
    result = jobs.fail.enqueue(kind.__name__)
    run()
    assert ended(result).status == TaskResultStatus.FAILED
    (error,) = result.errors
    assert error.exception_class is kind
    assert error.traceback.startswith("Traceback (most recent call last):\n")
    assert error.traceback.endswith(f"{kind.__name__}: as told\n")


def test_keyboard_interrupt_ends_who_runs_tasks_by_hand() -> None:
    """It is a Ctrl-C during a project's tests."""
    jobs.fail.enqueue("KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        run_pending()


def test_keyboard_interrupt_does_not_end_a_worker() -> None:
    """In a worker, only the task itself can have raised it."""
    result, other = jobs.fail.enqueue("KeyboardInterrupt"), jobs.double.enqueue(1)
    drain()
    assert ended(result).errors[0].exception_class is KeyboardInterrupt
    assert ended(other).return_value == 2


def test_exception_that_holds_another() -> None:
    result = jobs.fail_with_nested_error.enqueue()
    run_pending()
    (error,) = ended(result).errors
    assert error.exception_class is ValueError
    assert "ValueError(ValueError('inside'))" in error.traceback or "ValueError: inside" in error.traceback


def test_context() -> None:
    result = jobs.tell_context.enqueue(word="hello")
    run_pending()
    assert ended(result).return_value == [True, 1, result.id, "RUNNING", {"word": "hello"}, "hello"]


def test_each_run_counts_as_an_attempt(tmp_path: Path) -> None:
    result = jobs.fail_twice.enqueue(str(tmp_path))
    run_pending()
    assert ended(result).return_value == 3
    assert result.attempts == 3
    assert [error.exception_class for error in result.errors] == [OSError, OSError]
    assert result.started_at
    assert result.last_attempted_at
    assert result.started_at < result.last_attempted_at


def test_attempts_by_the_options_of_the_backend() -> None:
    result = jobs.fail.using(backend="open").enqueue("ValueError")
    run_pending()
    assert ended(result).attempts == 3
    assert len(result.errors) == 3


def test_options_of_the_task_before_those_of_the_backend() -> None:
    """The task is defined for a backend where this is the default anyway."""
    task = jobs.fail.using(backend="open", max_attempts=1)
    result = task.enqueue("ValueError")
    run_pending()
    assert ended(result).attempts == 1
    assert task.get_result(result.id).task == task


# --- signals ---


def test_signal_of_the_start() -> None:
    received: list[tuple[Any, str, int]] = []

    def receive(sender: Any, task_result: TaskResult, **_: Any) -> None:
        assert task_result.started_at is not None
        assert task_result.finished_at is None
        received.append((sender, str(task_result.status), task_result.attempts))

    jobs.double.enqueue(1)
    with listening(task_started, receive):
        run_pending()
    assert received == [(DatabaseBackend, "RUNNING", 1)]


@pytest.mark.parametrize(
    ("task", "args", "status"),
    [(jobs.double, [4], TaskResultStatus.SUCCESSFUL), (jobs.fail, ["ValueError"], TaskResultStatus.FAILED)],
)
def test_signal_of_the_end_is_sent_when_the_outcome_is_recorded(task: Any, args: Any, status: Any) -> None:
    received: list[Any] = []

    def receive(sender: Any, task_result: Any, **_: Any) -> None:
        sent = (task_result.status, task_result._return_value, task_result.errors)
        task_result.refresh()
        assert (task_result.status, task_result._return_value, task_result.errors) == sent
        received.append((sender, task_result))

    result = task.enqueue(*args)
    with listening(task_finished, receive):
        run_pending()
    assert received == [(DatabaseBackend, ended(result))]
    assert result.status == status


def test_signal_of_the_end_is_sent_once_for_all_attempts(tmp_path: Path) -> None:
    received: list[int] = []

    def receive(task_result: TaskResult, **_: Any) -> None:
        received.append(task_result.attempts)

    jobs.fail_twice.enqueue(str(tmp_path))
    with listening(task_finished, receive):
        run_pending()
    assert received == [3]


def test_signal_of_the_end_is_not_sent_by_a_run_that_lost_its_lease() -> None:
    received: list[Any] = []

    def receive(**arguments: Any) -> None:
        received.append(arguments)

    def lose_lease(**_: Any) -> None:
        TaskRecord.objects.update(epoch=99)

    jobs.double.enqueue(1)
    with listening(task_finished, receive), listening(task_started, lose_lease):
        run_pending()
    assert received == []
    assert TaskRecord.objects.get().status == TaskResultStatus.RUNNING


def test_signal_of_the_end_when_the_database_refuses() -> None:
    """The worker writes the outcome later; until then, no signal reports an end that is not recorded."""
    received: list[Any] = []

    def receive(**arguments: Any) -> None:
        received.append(arguments)

    jobs.double.enqueue(1)
    (run,) = claim.claim_runs(Identity.of_this_process(), 1)
    with listening(task_finished, receive), pytest.MonkeyPatch.context() as patch:
        patch.setattr(transitions, "_write_successes", refuse)
        outcome = execute(run)
    assert received == []
    assert transitions.finish([outcome]) == 0
    assert TaskRecord.objects.get().status == TaskResultStatus.SUCCESSFUL


def refuse(_: Any) -> int:
    raise OperationalError("gone away")


@pytest.mark.parametrize("signal", [task_started, task_finished])
def test_receiver_that_fails_does_no_harm(signal: Signal) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("a receiver")

    result = jobs.double.enqueue(2)
    with listening(signal, fail):
        run_pending()
    assert ended(result).return_value == 4


def test_receivers_in_a_worker_see_what_is_recorded(tmp_path: Path) -> None:
    results = [jobs.double.enqueue(n) for n in range(3)]
    jobs.fail.enqueue("ValueError")
    drain(CONFORMANCE_HEARD=str(tmp_path / "heard"))
    assert sorted((tmp_path / "heard").read_text().splitlines()) == ["double SUCCESSFUL True"] * 3 + [
        "fail FAILED True"
    ]
    assert [ended(result).return_value for result in results] == [0, 2, 4]


def test_start_and_end_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    good, bad = jobs.nothing.enqueue(), jobs.fail.enqueue("ValueError")
    with caplog.at_level(logging.INFO, logger=LOGGER):
        run_pending()
    lines = [(each.levelname, each.getMessage()) for each in caplog.records if each.name == LOGGER]
    start = "Task id={} path=tests.conformance.jobs.{} state={}"
    assert lines == [
        ("INFO", start.format(good.id, "nothing", "RUNNING")),
        ("INFO", start.format(good.id, "nothing", "SUCCESSFUL")),
        ("INFO", start.format(bad.id, "fail", "RUNNING")),
        ("ERROR", start.format(bad.id, "fail", "FAILED")),
    ]
    assert "NoneType" not in caplog.text


@pytest.mark.parametrize("is_logged_by_django", [True, False])
def test_traceback_of_a_failed_task_is_logged_once(caplog: pytest.LogCaptureFixture, is_logged_by_django: bool) -> None:
    """Django logs it. Where its logger is turned off, the logger of djbundle does."""
    jobs.fail.enqueue("ValueError")
    with caplog.at_level(logging.INFO if is_logged_by_django else logging.CRITICAL, logger=LOGGER):
        caplog.handler.setLevel(logging.NOTSET)
        run_pending()
    (record,) = [each for each in caplog.records if each.exc_info]
    assert (record.name, record.levelname) == (LOGGER if is_logged_by_django else "djbundle.tasks", "ERROR")
    assert "ValueError: as told" in caplog.text


def test_tasks_of_a_test_that_is_one_transaction() -> None:
    """As in a TestCase: a receiver of task_finished sees the end inside the transaction, and all is rolled back."""
    statuses: list[str] = []

    def receive(task_result: TaskResult, **_: Any) -> None:
        task_result.refresh()
        statuses.append(str(task_result.status))

    with transaction.atomic(), listening(task_finished, receive):
        jobs.nothing.enqueue()
        assert run_pending() == 1
        transaction.set_rollback(True)
    assert statuses == ["SUCCESSFUL"]
    assert not TaskRecord.objects.exists()
