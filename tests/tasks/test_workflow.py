"""Chains, groups, progress and cancelling, run in this process."""

import datetime
from pathlib import Path

import pytest
from django.db import transaction
from django.tasks import TaskResultStatus

from djbundle.tasks import call, chain, group, operations_api
from djbundle.tasks.models import TaskGroup, TaskRecord
from djbundle.tasks.store import claim, leases, transitions
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.testing import run_pending
from djbundle.tasks.worker.attempt import execute
from tests.tasks import jobs

ME = Identity.of_this_process()


def results() -> list[tuple[str, object]]:
    return [(record.task_path.rpartition(".")[2], record.return_value) for record in TaskRecord.objects.order_by("id")]


def test_each_call_of_a_chain_gets_the_result_before_it() -> None:
    first = chain(
        call(jobs.add, 1, 2), call(jobs.double), call(jobs.add, b=100), call(jobs.say, "end").without_result()
    )
    assert first.enqueue().status == TaskResultStatus.READY
    assert run_pending() == 4
    assert results() == [("add", 3), ("double", 6), ("add", 106), ("say", "end")]


def test_changes_of_using_reach_the_calls_that_follow() -> None:
    chain(call(jobs.add, 1, 2), call(jobs.double.using(priority=7, queue_name="default"))).enqueue()
    run_pending()
    assert TaskRecord.objects.order_by("id").last().priority == 7  # type: ignore[union-attr]


def test_a_failure_ends_a_chain_and_retry_goes_on(tmp_path: Path) -> None:
    blocker = tmp_path / "blocker"
    blocker.touch()
    chain(call(jobs.fail_while_there, str(blocker)), call(jobs.say)).enqueue()
    assert run_pending() == 1
    assert TaskRecord.objects.count() == 1
    blocker.unlink()
    operations_api.retry(transitions.records())
    assert run_pending() == 2
    assert results() == [("fail_while_there", "gone"), ("say", "gone")]


def test_a_group_is_followed_when_all_have_succeeded() -> None:
    done = group([call(jobs.add, number, 0) for number in range(5)], then=call(jobs.total, plus=1000)).enqueue()
    assert not done.is_finished
    for _ in range(5):
        assert len(results()) == 5
        (run,) = claim.claim_runs(ME, 1)
        transitions.finish([execute(run)])
    assert done.is_finished
    assert [result.return_value for result in done.results] == [0, 1, 2, 3, 4]
    assert run_pending() == 1
    assert results()[-1] == ("total", 1010)


def test_a_group_of_chains_has_the_last_results() -> None:
    members = [chain(call(jobs.add, number, number), call(jobs.double)) for number in (1, 2)]
    group(members, then=chain(call(jobs.total), call(jobs.double))).enqueue()
    run_pending()
    assert results()[-2:] == [("total", 12), ("double", 24)]


def test_a_group_with_a_failure_waits_for_its_retry(tmp_path: Path) -> None:
    blocker = tmp_path / "blocker"
    blocker.touch()
    done = group([call(jobs.say, "a"), call(jobs.fail_while_there, str(blocker))], then=call(jobs.say)).enqueue()
    run_pending()
    assert done.is_failed
    assert not done.is_finished
    blocker.unlink()
    operations_api.retry(transitions.records())
    run_pending()
    assert done.is_finished
    assert not done.is_failed
    assert results()[-1] == ("say", ["a", "gone"])


def test_an_empty_group_is_followed_at_once() -> None:
    done = group([], then=call(jobs.total)).enqueue()
    assert done.is_finished
    run_pending()
    assert results() == [("total", 0)]


def test_a_group_in_a_transaction_that_fails_is_not_there() -> None:
    def enqueue_and_fail() -> None:
        with transaction.atomic():
            group([call(jobs.say, "a")], then=call(jobs.say)).enqueue()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        enqueue_and_fail()
    assert (TaskRecord.objects.count(), TaskGroup.objects.count()) == (0, 0)


def test_what_follows_is_there_with_the_success_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    chain(call(jobs.add, 1, 2), call(jobs.double)).enqueue()
    (run,) = claim.claim_runs(ME, 1)
    outcome = execute(run)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("djbundle.tasks.store.following.follow", crash)
        with pytest.raises(KeyboardInterrupt):
            transitions.finish([outcome])
    assert TaskRecord.objects.get().status == TaskResultStatus.RUNNING
    assert transitions.finish([outcome]) == 0
    assert transitions.finish([outcome]) == 1  # its epoch is over: nothing follows twice
    assert TaskRecord.objects.count() == 2


def test_members_of_an_unfinished_group_are_kept(tmp_path: Path) -> None:
    blocker = tmp_path / "blocker"
    blocker.touch()
    group([call(jobs.say, "a"), call(jobs.fail_while_there, str(blocker))]).enqueue()
    jobs.say.enqueue("alone")
    run_pending()
    assert transitions.prune(older_than=datetime.timedelta()) == 1
    assert TaskRecord.objects.count() == 2


def test_progress_is_seen() -> None:
    jobs.count_to.enqueue(3)
    run_pending()
    assert TaskRecord.objects.get().progress == {"done": 3, "total": 3, "note": "number 3"}


def test_cancelling_ends_what_waits() -> None:
    jobs.say.enqueue("never")
    assert operations_api.cancel(transitions.records()) == 1
    assert run_pending() == 0
    record = TaskRecord.objects.get()
    assert record.status == TaskResultStatus.FAILED
    assert record.errors[0]["exception_class_path"] == "djbundle.tasks.context.Cancelled"


def test_a_cancelled_run_is_not_tried_again() -> None:
    jobs.fail.enqueue()  # it has two attempts
    (run,) = claim.claim_runs(ME, 1)
    operations_api.cancel(transitions.records())
    transitions.finish([execute(run)])
    assert TaskRecord.objects.get().status == TaskResultStatus.FAILED


def test_a_cancelled_run_that_is_lost_is_not_run_again() -> None:
    jobs.say.enqueue("x")
    (record,) = claim.claim(ME, 1)
    operations_api.cancel(transitions.records())
    leases.record_crash(record)
    assert TaskRecord.objects.get().status == TaskResultStatus.FAILED
