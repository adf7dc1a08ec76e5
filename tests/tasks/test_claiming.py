"""When a worker with a broker searches the table for tasks with a limit: the broker carries no such task."""

import time
from unittest.mock import Mock

import pytest

from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.worker.claiming import LIMITED_DELAY, LIMITED_INTERVAL, Claiming


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def claiming(*, has_broker: bool) -> Claiming:
    inbox = Mock(take=list, take_runs=lambda _room: []) if has_broker else None
    return Claiming(Identity("host", 1, "worker"), (), Mock(capacities=list, room=0, unassigned=[]), inbox)


def test_a_search_follows_each_wake_up_a_moment_later(clock: Clock) -> None:
    worker = claiming(has_broker=True)
    assert worker.seconds_left == 0.0
    worker.run()
    assert worker.seconds_left is None  # until something wakes the worker
    clock.now += 1.0
    worker.run()
    assert worker.seconds_left == pytest.approx(LIMITED_DELAY)
    clock.now += LIMITED_DELAY
    worker.run()
    assert worker.seconds_left is None


def test_searches_keep_their_distance(clock: Clock) -> None:
    worker = claiming(has_broker=True)
    worker.run()
    worker.run()
    assert worker.seconds_left == pytest.approx(LIMITED_INTERVAL)
    clock.now += LIMITED_INTERVAL / 2
    worker.run()
    assert worker.seconds_left == pytest.approx(LIMITED_INTERVAL / 2)


@pytest.mark.usefixtures("clock")
def test_without_a_broker_each_claim_includes_such_tasks() -> None:
    worker = claiming(has_broker=False)
    worker.run()
    worker.run()
    assert worker.seconds_left is None
