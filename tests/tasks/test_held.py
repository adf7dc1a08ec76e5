"""A follower that this code does not know is never lost: it waits, or it fails and can be retried."""

import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.tasks import TaskResultStatus, task_backends
from django.tasks.exceptions import InvalidTask
from django.tasks.signals import task_enqueued
from django.utils import timezone

from djbundle.tasks import call, chain, group, operations_api
from djbundle.tasks.models import TaskGroup, TaskRecord
from djbundle.tasks.store import claim, held, transitions
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.testing import run_pending
from djbundle.tasks.worker.attempt import execute
from djbundle.tasks.workflow import Call, Chain
from tests.tasks import following_jobs, hostile_followers, jobs

ME = Identity.of_this_process()
UNKNOWN = "tests.tasks.following_jobs.not_yet_written"
pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def blocker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a file; as long as it exists, the key of a task cannot be computed."""
    path = tmp_path / "blocker"
    path.touch()
    monkeypatch.setenv("TASKS_TEST_BLOCKER", str(path))
    return path


def newest() -> TaskRecord:
    return TaskRecord.objects.order_by("-id")[0]


def why(record: TaskRecord) -> str:
    assert record.held
    return str(record.held["why"])


def make_unknown(**changes: Any) -> None:
    """Make the next task in line one that only newer code has."""
    record = TaskRecord.objects.get()
    assert record.then
    record.then[0] |= {"task": UNKNOWN} | changes
    record.save()


def let_it_be_known(monkeypatch: pytest.MonkeyPatch, name: str = "double") -> None:
    """Make the task known, as when a worker with newer code starts."""
    task = getattr(jobs, name)
    monkeypatch.setattr(following_jobs, "not_yet_written", task, raising=False)
    TaskRecord.objects.filter(status=TaskResultStatus.READY).update(run_after=timezone.now())


def test_unknown_task_waits_and_it_is_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    result = jobs.double.using(max_attempts=1, expires=3600).enqueue(4)
    TaskRecord.objects.update(task_path=UNKNOWN)
    assert run_pending() == 0
    record = newest()
    assert (record.status, record.worker_ids, record.errors, record.started_at) == ("READY", [], [], None)
    assert record.run_after > timezone.now()
    assert "not_yet_written" in why(record)
    let_it_be_known(monkeypatch)
    assert run_pending() == 1
    assert TaskRecord.objects.get(pk=result.id).return_value == 8


def test_unknown_task_is_looked_at_less_and_less_often() -> None:
    jobs.double.enqueue(4)
    TaskRecord.objects.update(task_path=UNKNOWN)
    waits = []
    for _ in range(9):
        TaskRecord.objects.update(run_after=timezone.now())
        before = timezone.now()
        run_pending()
        waits.append(round((newest().run_after - before).total_seconds()))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_unknown_task_fails_after_a_day_and_can_be_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs.double.enqueue(4)
    TaskRecord.objects.update(task_path=UNKNOWN)
    run_pending()
    held_back = newest().held
    assert held_back
    since = datetime.datetime.fromisoformat(held_back["since"]) - held.MAX_WAIT
    TaskRecord.objects.update(run_after=timezone.now(), held=held_back | {"since": since.isoformat()})
    run_pending()
    assert newest().status == TaskResultStatus.FAILED
    assert "not_yet_written" in newest().errors[0]["traceback"]
    operations_api.retry(transitions.records())
    assert run_pending() == 0
    assert newest().status == TaskResultStatus.READY  # it waits for another day
    let_it_be_known(monkeypatch)
    assert run_pending() == 1


def test_path_that_is_no_task_waits_and_says_so() -> None:
    jobs.double.enqueue(4)
    TaskRecord.objects.update(task_path="tests.tasks.following_jobs.key_of")
    run_pending()
    assert '"tests.tasks.following_jobs.key_of" is not a task' in why(newest())


def test_waiting_for_newer_code_can_be_cancelled() -> None:
    jobs.double.enqueue(4)
    TaskRecord.objects.update(task_path=UNKNOWN)
    (run,) = claim.claim_runs(ME, 1)
    outcome = execute(run)
    operations_api.cancel(transitions.records())
    transitions.finish([outcome])
    assert newest().status == TaskResultStatus.FAILED


def test_follower_of_newer_code_waits_and_then_runs_by_its_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    following = jobs.double.using(priority=7, concurrency=2, concurrency_key="k", max_attempts=4, backoff=9)
    chain(call(jobs.add, 1, 2), call(following), call(jobs.say)).enqueue()
    make_unknown()
    assert run_pending() == 1
    record = newest()
    assert (record.status, record.priority, record.args) == (TaskResultStatus.READY, 7, [3])
    let_it_be_known(monkeypatch)
    assert run_pending() == 2
    record.refresh_from_db()
    assert (record.concurrency_key, record.concurrency_limit, record.max_attempts, record.backoff) == ("k", 2, 4, 9)
    assert (record.return_value, newest().return_value) == (6, 6)


def test_follower_whose_key_raises_has_failed_and_can_be_retried(blocker: Path) -> None:
    chain(call(jobs.add, 1, 2), call(following_jobs.with_key), call(jobs.say)).enqueue()
    assert run_pending() == 1
    record = newest()
    assert record.status == TaskResultStatus.FAILED
    assert "the account is gone" in record.errors[0]["traceback"]
    operations_api.retry(transitions.records())
    assert run_pending() == 0
    record.refresh_from_db()
    assert (record.status, len(record.errors)) == (TaskResultStatus.FAILED, 1)  # the cause is still there
    blocker.unlink()
    operations_api.retry(transitions.records())
    assert run_pending() == 2
    record.refresh_from_db()
    assert (record.concurrency_key, record.return_value, newest().return_value) == ("account", 3, 3)


def test_follower_whose_key_asks_the_database_wrongly_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_args: Any) -> str:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")
        return ""

    defined = following_jobs.with_key
    broken = defined.restored(concurrency_key=ask)
    chain(call(jobs.add, 1, 2), call(defined)).enqueue()
    monkeypatch.setattr(following_jobs, "with_key", broken)
    assert run_pending() == 1
    assert TaskRecord.objects.order_by("id")[0].status == TaskResultStatus.SUCCESSFUL
    assert newest().task_path == defined.module_path
    monkeypatch.setattr(following_jobs, "with_key", defined)
    operations_api.retry(transitions.records())
    TaskRecord.objects.filter(status="READY").update(run_after=timezone.now())
    assert run_pending() == 1


def test_group_whose_callback_cannot_be_made_is_not_finished(blocker: Path) -> None:
    result = group([call(jobs.say, "a"), call(jobs.say, "b")], then=call(following_jobs.with_key)).enqueue()
    assert run_pending() == 2
    assert not result.is_finished
    assert result.is_failed
    assert [each.return_value for each in result.results] == ["a", "b"]
    blocker.unlink()
    operations_api.retry(transitions.records())
    assert run_pending() == 1
    assert result.is_finished
    assert not result.is_failed
    assert newest().return_value == ["a", "b"]
    assert TaskGroup.objects.get().remaining == 0


def test_chain_in_a_group_whose_link_cannot_be_made_keeps_it_open(blocker: Path) -> None:
    members: list[Call | Chain] = [chain(call(jobs.say, "a"), call(following_jobs.with_key)), call(jobs.say, "b")]
    result = group(members, then=call(jobs.say)).enqueue()
    run_pending()
    assert result.is_failed
    blocker.unlink()
    operations_api.retry(transitions.records())
    run_pending()
    assert result.is_finished
    assert newest().return_value == ["a", "b"]


def test_unique_link_waits_for_the_one_that_is_there() -> None:
    following_jobs.only_one.using(run_after=timezone.now() + datetime.timedelta(hours=1)).enqueue("a")
    chain(call(jobs.say, "a"), call(following_jobs.only_one), call(jobs.double)).enqueue()
    chain(call(following_jobs.only_one, "a"), call(jobs.double)).enqueue()
    assert run_pending() == 1
    assert TaskRecord.objects.filter(max_attempts=0, status="READY").count() == 2
    TaskRecord.objects.filter(max_attempts=1).delete()
    for _ in range(2):  # first one of them, then the other
        TaskRecord.objects.filter(status="READY").update(run_after=timezone.now())
        run_pending()
    assert [record.return_value for record in TaskRecord.objects.order_by("id")] == ["a", "a", "aa", "aa"]


def test_unique_end_of_a_chain_that_is_there_is_not_made_twice() -> None:
    """This also holds where a process must make it, and for as long as ``unique_for`` says."""
    chain(call(jobs.say, "a"), call(hostile_followers.only_one)).enqueue()
    hostile_followers.only_one.enqueue("a")
    assert run_pending() == 2
    assert run_pending() == 0
    assert TaskRecord.objects.filter(task_path=hostile_followers.only_one.module_path).count() == 1


def test_unique_follower_that_is_enqueued_while_it_is_made_waits() -> None:
    chain(call(jobs.say, "a"), call(hostile_followers.only_one), call(jobs.double)).enqueue()
    (first,) = claim.claim_runs(ME, 1)
    transitions.finish([execute(first)])
    (unmade,) = claim.claim_runs(ME, 1)
    outcome = execute(unmade)
    assert outcome.made
    other = hostile_followers.only_one.enqueue("a")
    transitions.finish([outcome])
    waiting = TaskRecord.objects.get(pk=unmade.pk)
    assert (waiting.status, waiting.max_attempts) == (TaskResultStatus.READY, 0)
    assert "waits for one with the same arguments" in why(waiting)
    TaskRecord.objects.filter(pk=other.id).delete()
    TaskRecord.objects.filter(status="READY").update(run_after=timezone.now())
    assert run_pending() == 2


def test_receivers_hear_of_a_follower_once() -> None:
    received: list[Any] = []

    def receive(task_result: Any, **_: Any) -> None:
        received.append((task_result.id, task_result.task.module_path))

    chain(call(jobs.say, "a"), call(jobs.double)).enqueue()
    task_enqueued.connect(receive)
    try:
        assert run_pending() == 2
    finally:
        task_enqueued.disconnect(receive)
    assert received == [(str(newest().pk), jobs.double.module_path)]


def test_row_that_is_only_made_uses_up_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = task_backends["default"]
    following = hostile_followers.has_strange_key.using(queue_name="mails")
    chain(call(jobs.say, "a"), call(following)).enqueue()
    monkeypatch.setitem(backend.options, "RATE_LIMITS", {"mails": "1/h"})
    assert run_pending() == 2
    assert newest().status == TaskResultStatus.SUCCESSFUL


def test_all_of_using_reaches_what_follows() -> None:
    later = timezone.now() + datetime.timedelta(hours=5)
    following = jobs.double.using(
        priority=7,
        run_after=later,
        backoff=33,
        expires=datetime.timedelta(hours=1),
        unique=True,
        concurrency=3,
        concurrency_key="mine",
        timeout=44,
        max_attempts=5,
    )
    chain(call(jobs.add, 1, 2), call(following)).enqueue()
    run_pending()
    record = newest()
    assert (record.priority, record.run_after, record.backoff, record.timeout) == (7, later, 33, 44)
    assert record.expires_at == later + datetime.timedelta(hours=1)
    assert record.unique_key
    assert (record.concurrency_limit, record.concurrency_key, record.max_attempts) == (3, "mine", 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"concurrency": 1, "concurrency_key": following_jobs.another_key},
        {"backoff": jobs.fifty_once},
        {"retry_on": (OSError,)},
        {"discard_on": (OSError,)},
    ],
    ids=lambda changes: next(reversed(changes)),
)
def test_what_cannot_be_kept_is_refused_when_a_chain_is_enqueued(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidTask, match="say it in @task"):
        chain(call(jobs.add, 1, 2), call(jobs.double.using(**changes))).enqueue()
    assert not TaskRecord.objects.exists()


def test_discarded_member_ends_its_group() -> None:
    result = group([call(jobs.fail.using(max_attempts=1)), call(jobs.say, "b")], then=call(jobs.say)).enqueue()
    run_pending()
    assert operations_api.discard(transitions.records().filter(status=TaskResultStatus.FAILED)) == 1
    assert result.is_failed
    assert not result.is_finished
    assert TaskGroup.objects.get().finished_at


def test_member_that_is_discarded_before_another_has_ended_lets_nothing_follow() -> None:
    result = group([call(jobs.say, "a"), call(jobs.say, "b")], then=call(jobs.say)).enqueue()
    (first, second) = claim.claim_runs(ME, 2)
    transitions.finish([execute(first)])
    operations_api.discard(transitions.records().filter(pk=first.pk))
    transitions.finish([execute(second)])
    assert run_pending() == 0
    assert result.is_failed
    assert transitions.prune(older_than=datetime.timedelta()) == 1


def test_callback_is_not_called_with_results_that_are_no_longer_kept() -> None:
    result = group([call(jobs.say, "a"), call(jobs.say, "b")], then=call(jobs.say)).enqueue()
    (first, second) = claim.claim_runs(ME, 2)
    transitions.finish([execute(first)])
    TaskRecord.objects.filter(pk=first.pk).delete()  # as an older version of prune does, or a user by hand
    transitions.finish([execute(second)])
    assert run_pending() == 0
    assert result.is_failed
    assert "Only 1 of 2 results" in newest().errors[0]["traceback"]
    operations_api.retry(transitions.records().filter(pk=newest().pk))  # a user decides that it shall run all the same
    assert run_pending() == 1
    assert newest().return_value == ["b"]


def test_link_of_a_chain_that_has_gone_on_may_be_discarded() -> None:
    result = group([chain(call(jobs.say, "a"), call(jobs.say)), call(jobs.say, "b")], then=call(jobs.say)).enqueue()
    (first, second) = claim.claim_runs(ME, 2)
    transitions.finish([execute(first)])
    operations_api.discard(transitions.records().filter(pk=first.pk))
    transitions.finish([execute(second)])
    run_pending()
    assert result.is_finished
    assert newest().return_value == ["a", "b"]


def test_member_that_discards_itself_counts_as_done() -> None:
    result = group([call(following_jobs.discard), call(jobs.say, "b")], then=call(jobs.say)).enqueue()
    run_pending()
    assert result.is_finished
    assert newest().return_value == [None, "b"]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: group([group([call(jobs.say, "a")])]), "a group cannot be part of a chain or of another group"),  # type: ignore[list-item]
        (lambda: chain(call(jobs.say, "a"), group([call(jobs.say)])), "a group cannot be part of a chain"),  # type: ignore[arg-type]
        (lambda: chain(chain(call(jobs.say, "a"))), "a chain cannot be part of another one"),  # type: ignore[arg-type]
        (lambda: group([jobs.say]), r"write call\(say\)"),  # type: ignore[list-item]
        (lambda: group([call(jobs.say, "a")], then=jobs.say), r"write call\(say\)"),  # type: ignore[arg-type]
        (lambda: chain("jobs.say"), "not of 'jobs.say'"),  # type: ignore[arg-type]
        (lambda: call(following_jobs.key_of), "call.* takes a task, that is a function with @task"),  # type: ignore[arg-type]
        (lambda: call("tests.tasks.jobs.say"), "takes a task"),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_belong_into_a_workflow_is_told(build: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        build()
