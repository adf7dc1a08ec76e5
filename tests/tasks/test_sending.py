"""A relay does first things first: each step between a commit and a task costs its latency."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import connection

from djbundle.tasks import enqueue_many
from djbundle.tasks.compat import TaskResultStatus, task_backends
from djbundle.tasks.engine import sending
from djbundle.tasks.engine.relay import Relay
from djbundle.tasks.engine.relay_registry import RelayRegistration
from djbundle.tasks.engine.supply import FULL_INTERVAL, MIN_WINDOW, Supply
from djbundle.tasks.models import PausedQueue, TaskRecord
from djbundle.tasks.store import claim, transitions
from djbundle.tasks.store.outcome import Outcome
from djbundle.tasks.store.worker_identity import Identity
from tests.tasks import jobs

MakeRelay = Callable[[Callable[[Sequence[int]], object]], Relay]


@pytest.fixture
def make_relay() -> Iterator[MakeRelay]:
    """Make a relay that passes the keys of each message to a function."""
    ours, its = socket.socketpair()

    def make(send: Callable[[Sequence[int]], object]) -> Relay:
        broker = SimpleNamespace(publish=lambda _name, keys: send(keys), is_slow=False, errors=(), check=lambda: None)
        return Relay(cast(Any, broker), Identity.of_this_process(), its)

    yield make
    for end in (ours, its):
        end.close()


@pytest.mark.usefixtures("each_database")
def test_one_statement_marks_the_most_urgent_first_and_what_may_be_sent_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(task_backends["default"].options, "RATE_LIMITS", {"rated": "1/h"})
    PausedQueue.objects.create(name="paused")
    for queue in ("rated", "paused", "full", "mails"):
        TaskRecord.objects.filter(pk=jobs.add.enqueue(1, 1).id).update(queue_name=queue)
    usual = jobs.add.enqueue(1, 1).id
    urgent = jobs.add.using(priority=5).enqueue(1, 1).id
    sent = sending.mark_sent(100, lambda _queue: 100, full=["full"], certain_room=100)
    assert [key for keys in sent.keys.values() for key in keys if key in (int(urgent), int(usual))] == [
        int(urgent),
        int(usual),
    ]
    assert sent.counts == {"default": 2, "mails": 1}
    assert sent.is_last


REPEATING_PLAN = ("hashjoin", "mergejoin", "material", "hashagg", "sort", "memoize")


@pytest.mark.usefixtures("each_database")
def test_no_plan_of_the_database_marks_or_claims_more_than_the_limit() -> None:
    """PostgreSQL may run a subquery once for each row. A LIMIT in it then holds for each run alone."""
    enqueue_many(jobs.add, [(number, 1) for number in range(80)])
    with connection.cursor() as cursor:
        for step in REPEATING_PLAN if connection.vendor == "postgresql" else ():
            cursor.execute(f"SET enable_{step} = off")
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE")
    assert sending.mark_sent(100, lambda _queue: 20, certain_room=20).counts == {"default": 20}
    assert len(claim.claim_runs(Identity.of_this_process(), 10)) == 10
    assert TaskRecord.objects.filter(status=TaskResultStatus.RUNNING).count() == 10


@pytest.mark.usefixtures("each_database")
def test_only_the_mark_itself_does_not_wait_for_the_disk() -> None:
    jobs.add.enqueue(1, 1)
    assert sending.mark_sent(100, lambda _queue: 100, certain_room=100).keys
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone() == ("on",)


@pytest.mark.usefixtures("each_database")
def test_a_relay_counts_what_the_broker_has_a_moment_after_it_has_sent(
    monkeypatch: pytest.MonkeyPatch, make_relay: MakeRelay
) -> None:
    steps: list[str] = []
    count_sent = sending.count_sent
    monkeypatch.setattr(sending, "count_sent", lambda: (steps.append("count"), count_sent())[1])
    relay = make_relay(lambda keys: steps.append(f"send {len(keys)}"))
    relay._send_all()
    jobs.add.enqueue(1, 1)
    relay._send_all()
    assert steps == ["count", "send 1"]
    time.sleep(max(0.0, relay.count_at - time.monotonic()))
    relay._send_all()
    assert steps == ["count", "send 1", "count"]
    assert relay.supplies["default"].left == 1


@pytest.mark.usefixtures("each_database")
def test_a_relay_whose_queue_was_full_sends_as_soon_as_it_counts_room(make_relay: MakeRelay) -> None:
    sent: list[int] = []
    relay = make_relay(sent.extend)
    enqueue_many(jobs.add, [(number, 1) for number in range(MIN_WINDOW + 1)])
    relay._send_all()
    assert (len(sent), relay.is_short) == (MIN_WINDOW, True)
    claim.claim_keys(Identity.of_this_process(), sent, 10)
    relay.supplies["default"].measured_at = 0.0
    relay._send_all()
    assert len(sent) == MIN_WINDOW + 1


@pytest.mark.parametrize("count", [1, 2, 4])
def test_each_of_several_relays_learns_the_rate_of_all_workers(count: int) -> None:
    """Each counts the messages of all of them in the broker. It must not take those of others for unclaimed ones."""
    now, in_broker, rate = 0.0, 0, 4000
    supplies = [Supply(lambda: now, relays=count) for _ in range(count)]
    for _ in range(300):
        now += FULL_INTERVAL
        in_broker -= min(in_broker, int(rate * FULL_INTERVAL))
        counted = in_broker
        for supply in supplies:
            supply.measure(counted)
            sent = max(0, supply.room) // count
            supply.sent += sent
            in_broker += sent
    assert [supply.rate for supply in supplies] == pytest.approx([rate] * count, rel=0.1)


@pytest.mark.usefixtures("each_database")
def test_relays_count_those_that_send(make_relay: MakeRelay) -> None:
    other = Identity("another-machine", 1, "1")
    RelayRegistration(other).record_success()
    relay = make_relay(lambda _keys: None)
    relay._record_success()
    assert relay.relays == 2
    RelayRegistration(other).record_error("the broker does not answer")
    relay._record_success()
    assert relay.relays == 1


@pytest.mark.usefixtures("each_database")
def test_successes_are_written_together_and_each_under_its_epoch() -> None:
    results = enqueue_many(jobs.add, [(number, 1) for number in range(4)])
    runs = claim.claim_runs(Identity.of_this_process(), 10)
    values = ['{"a": "\u00e9"}', None, "3", "4"]
    outcomes = [Outcome(run.pk, run.epoch, "SUCCESSFUL", value) for run, value in zip(runs, values, strict=True)]
    outcomes[2] = outcomes[2]._replace(epoch=outcomes[2].epoch + 1)
    assert transitions.finish([*outcomes, outcomes[0]]) == 2, "one had lost its lease, and one came twice"
    records = [TaskRecord.objects.get(pk=result.id) for result in results]
    assert [record.return_value for record in records] == [{"a": "\u00e9"}, None, None, 4]
    assert [record.status for record in records].count(TaskResultStatus.RUNNING) == 1
    assert [record.worker for record in records].count("") == 3
