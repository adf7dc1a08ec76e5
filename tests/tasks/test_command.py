"""``manage.py tasks``."""

import datetime
import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.tasks import TaskResultStatus
from django.utils import timezone

from djbundle.tasks.models import TaskRecord
from djbundle.tasks.testing import run_pending
from tests.tasks import jobs


def tasks(*arguments: str) -> str:
    out = io.StringIO()
    call_command("tasks", *arguments, stdout=out)
    return out.getvalue()


def json_of(*arguments: str) -> Any:
    return json.loads(tasks(*arguments, "--json"))


@pytest.fixture
def failed() -> str:
    """Return the id of a task that has failed for good."""
    result = jobs.fail.using(max_attempts=1).enqueue()
    run_pending()
    return result.id


def test_list_and_its_filters(failed: str) -> None:
    other = jobs.add.enqueue(1, 2)
    assert [task["id"] for task in json_of("list")] == [int(other.id), int(failed)]
    assert [task["id"] for task in json_of("list", "--status", "failed")] == [int(failed)]
    assert [task["id"] for task in json_of("list", "--queue", "mails")] == []
    assert [task["id"] for task in json_of("list", "--task", "jobs.add")] == [int(other.id)]
    assert "tests.tasks.jobs.fail" in tasks("list")


def test_show_tells_what_happened(failed: str) -> None:
    text = tasks("show", failed)
    assert "FAILED" in text
    assert "attempt 1" in text
    assert "ValueError: always" in text
    with pytest.raises(CommandError, match="no task 999999"):
        tasks("show", "999999")


def test_retry(failed: str) -> None:
    assert tasks("retry", failed) == "1 task will be run again.\n"
    assert run_pending() == 1


def test_cancel(failed: str) -> None:
    """A waiting task fails; a task that has ended does not change."""
    waiting = jobs.add.enqueue(1, 2)
    assert tasks("cancel", waiting.id, failed) == "1 task cancelled, or asked to stop.\n"
    assert json_of("show", waiting.id)["status"] == "FAILED"
    assert run_pending() == 0


def test_run_what_waits_for_its_time() -> None:
    later = jobs.add.using(run_after=timezone.now() + datetime.timedelta(hours=1)).enqueue(1, 2)
    assert run_pending() == 0
    assert tasks("run", later.id) == "1 task will be run now.\n"
    assert run_pending() == 1


def test_actions_want_to_know_which() -> None:
    for action in ("retry", "discard", "cancel", "run"):
        with pytest.raises(CommandError, match="Say which"):
            tasks(action)


def test_discard_spares_what_runs(failed: str) -> None:
    jobs.add.enqueue(1, 2)
    running = jobs.add.enqueue(3, 4)
    TaskRecord.objects.filter(pk=running.id).update(status=TaskResultStatus.RUNNING)
    assert tasks("discard", "--all") == "2 tasks deleted.\n"
    assert TaskRecord.objects.get().pk == int(running.id)


def test_purge(failed: str) -> None:
    jobs.add.enqueue(1, 2)
    assert tasks("purge", "--days", "1") == "0 tasks deleted.\n"
    assert tasks("purge") == "1 task deleted.\n"


def test_paused_queue_waits() -> None:
    jobs.add.enqueue(1, 2)
    assert tasks("pause", "default") == '"default" is paused.\n'
    assert tasks("pause", "default") == '"default" was paused already.\n'
    assert run_pending() == 0
    assert json_of("stats")[0] | {"oldest": None} == {
        "queue": "default",
        "paused": True,
        "ready": 1,
        "scheduled": 0,
        "running": 0,
        "failed": 0,
        "oldest": None,
        "done": 0,
        "wait": None,
        "took": None,
    }
    assert tasks("resume", "default") == '"default" runs again.\n'
    assert run_pending() == 1


def test_stats_count(failed: str) -> None:
    jobs.add.enqueue(1, 2)
    run_pending()
    jobs.add.enqueue(3, 4)
    jobs.fail.enqueue()
    run_pending()
    (queue,) = json_of("stats")
    assert (queue["done"], queue["failed"], queue["scheduled"], queue["ready"]) == (2, 1, 1, 0)
    assert queue["wait"] >= 0
    head, line, note = tasks("stats").splitlines()
    assert head.split() == ["QUEUE", "READY", "SCHEDULED", "RUNNING", "FAILED", "DONE", "OLDEST", "WAIT", "TOOK"]
    assert line.split()[:7] == ["default", "0", "1", "0", "1", "2", "-"]
    assert line.split()[8::2] == ["s", "s"]
    assert "last hour" in note


def test_columns_have_a_head(failed: str) -> None:
    head, line = tasks("list").splitlines()
    assert head.split() == ["ID", "STATUS", "WHEN", "QUEUE", "TASK"]
    assert line.split()[:2] + line.split()[-2:] == [failed, "FAILED", "default", "tests.tasks.jobs.fail"]
    assert head.index("TASK") == line.index("tests.tasks")


def test_nothing_to_show_is_said() -> None:
    assert tasks("list", "--queue", "mails") == "No such task.\n"
    assert tasks("stats") == "There is no task.\n"
    assert tasks("workers") == "No worker runs.\n"


def test_queue_that_is_not_there_cannot_be_paused() -> None:
    with pytest.raises(CommandError, match='pause: no backend of TASKS has a queue "mail"; there are: default, mails'):
        tasks("pause", "mail")
    jobs.add.enqueue(1, 2)
    TaskRecord.objects.update(queue_name="mail")  # of an older version of the code
    assert tasks("pause", "mail") == '"mail" is paused.\n'
