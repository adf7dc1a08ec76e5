"""The backend as a project sees it: enqueue, results, retries."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.db import transaction
from django.tasks import TaskResultStatus, task_backends
from django.tasks.exceptions import InvalidTask, TaskResultDoesNotExist, TaskResultMismatch
from django.test import override_settings

from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import claim
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.testing import run_pending
from tests.tasks import jobs
from tests.tasks.conftest import ENVIRONMENT, REPOSITORY


def test_a_task_runs_and_its_result_is_kept() -> None:
    result = jobs.add.enqueue(2, b=3)
    assert result.status == TaskResultStatus.READY
    run_pending()
    result.refresh()
    assert result.return_value == 5
    assert result.attempts == 1
    assert jobs.add.get_result(result.id).is_finished


def test_async_tasks_and_the_context() -> None:
    slow, attempt = jobs.add_slowly.enqueue(1, 1), jobs.tell_attempt.enqueue()
    run_pending()
    slow.refresh()
    attempt.refresh()
    assert (slow.return_value, attempt.return_value) == (2, 1)  # type: ignore[comparison-overlap]  # not awaited


def test_a_rolled_back_transaction_enqueues_nothing() -> None:
    def order() -> None:
        jobs.add.enqueue(1, 2)
        raise ValueError("rolled back")

    with pytest.raises(ValueError, match="rolled back"), transaction.atomic():
        order()
    assert not TaskRecord.objects.exists()


def test_a_failing_task_is_tried_again_until_it_succeeds(tmp_path: Path) -> None:
    result = jobs.fail_until.enqueue(str(tmp_path), 3)
    run_pending()
    result.refresh()
    assert result.return_value == "at last"
    assert result.attempts == 3
    assert [error.exception_class for error in result.errors] == [ValueError, ValueError]


def test_attempts_end(tmp_path: Path) -> None:
    result = jobs.fail_until.using(max_attempts=2).enqueue(str(tmp_path), 3)
    run_pending()
    result.refresh()
    assert result.status == TaskResultStatus.FAILED
    assert "not yet" in result.errors[1].traceback


def test_backoff_delays_the_next_attempt() -> None:
    result = jobs.fail.enqueue()
    run_pending()
    result.refresh()
    assert result.status == TaskResultStatus.READY
    record = TaskRecord.objects.get()
    assert record.last_attempted_at
    waits = (record.run_after - record.last_attempted_at).total_seconds()
    assert 890 < waits < 1110


def test_priority_goes_first() -> None:
    jobs.add.enqueue(1, 1)
    soon = jobs.add.using(priority=10).enqueue(1, 1)
    (first,) = claim.claim(Identity.of_this_process(), 1)
    assert str(first.pk) == soon.id


@pytest.mark.parametrize(
    "bad", [{"max_attempts": 0}, {"max_attempts": "many"}, {"backoff": -1}, {"queue_name": "other"}]
)
def test_impossible_settings_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InvalidTask):
        jobs.add.using(**bad)  # type: ignore[arg-type]


def test_queue_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidTask, match=r"Queue .other. is not valid .* has: default, mails"):
        jobs.add.using(queue_name="other")


def test_results_are_not_mixed_up() -> None:
    result = jobs.add.enqueue(1, 1)
    with pytest.raises(TaskResultMismatch):
        jobs.fail.get_result(result.id)
    for unknown in ("0", "no number"):
        with pytest.raises(TaskResultDoesNotExist):
            task_backends["default"].get_result(unknown)


def test_the_backend_without_its_app_is_a_system_check_error() -> None:
    with override_settings(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"]):
        assert "djbundle_tasks.E001" in [message.id for message in run_checks()]


def test_a_task_may_be_defined_before_apps_are_loaded() -> None:
    """A module that models import may define tasks."""
    early = (
        "from django.apps import apps; from django.tasks import task; import djbundle.tasks\n"
        "def early(): ...\n"
        "task(early); djbundle.tasks.DatabaseBackend; print(apps.ready)\n"
    )
    environment = ENVIRONMENT | os.environ
    result = subprocess.run(
        [sys.executable, "-c", early], cwd=REPOSITORY, env=environment, check=False, capture_output=True, text=True
    )
    assert (result.stdout, result.stderr) == ("False\n", "")
