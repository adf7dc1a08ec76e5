"""How many threads of a process take tasks. The monitor is replaced, so no test depends on the speed of the machine."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome
from djbundle.tasks.worker.pipe import ProcessEnd
from djbundle.tasks.worker.process import executor as module
from djbundle.tasks.worker.process.executor import FULL_CHECKS, Executor
from djbundle.tasks.worker.process.outbox import Outbox
from tests.support.waiting import wait_until


def run_of(pk: int, function: Callable[[], Any]) -> Run:
    return Run(pk, 1, None, 0, (function,), "default")


@dataclass
class FunctionAttempt:
    """An attempt that calls the function in the place of the row."""

    run: Run

    def call(self) -> None:
        self.run.row[0]()

    def execute(self, call: Callable[[], None]) -> Outcome:
        call()
        return Outcome(self.run.pk, self.run.epoch, TaskResultStatus.SUCCESSFUL)


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Executor]:
    """Return an executor with up to four threads. Its runs have functions in the place of rows."""
    monkeypatch.setattr(module, "begin", lambda run, _channel_of: FunctionAttempt(run))
    monkeypatch.setattr(Executor, "_monitor_forever", lambda _self: None)
    ours, its = socket.socketpair()
    outbox = Outbox(ProcessEnd(its))
    with ours, its:
        yield Executor(outbox, 4, lambda _count: True)
        outbox.is_ending = True  # otherwise a report to the closed socket would end this process


def adapt(executor: Executor, cpu_share: float, *, times: int = 1) -> None:
    for _ in range(times):
        with executor._changed:
            executor._adapt_threads(cpu_share, 60.0)


def test_threads_join_while_tasks_wait_for_something(executor: Executor) -> None:
    together = threading.Barrier(4)
    executor.add([run_of(pk, together.wait) for pk in range(1, 5)])
    wait_until(lambda: together.n_waiting == 1, "one thread has begun")
    for count in (2, 4):
        adapt(executor, 0.1)
        wait_until(lambda count=count: together.n_waiting == count % 4, f"{count} threads run tasks")  # type: ignore[misc]


def test_threads_that_hinder_each_other_leave(executor: Executor) -> None:
    idents: list[int] = []
    together, are_ready, may_end = threading.Barrier(4), threading.Barrier(5), threading.Event()

    def wait() -> None:
        together.wait()
        are_ready.wait()
        may_end.wait()

    quick = [run_of(pk, lambda: idents.append(threading.get_ident())) for pk in range(10, 50)]
    executor.add([*(run_of(pk, wait) for pk in range(1, 5)), *quick])
    for _ in range(2):
        wait_until(lambda: executor._executing, "a thread runs a task")
        adapt(executor, 0.1)
    are_ready.wait(30)
    adapt(executor, 1.0, times=FULL_CHECKS)
    may_end.set()
    wait_until(lambda: len(idents) == len(quick), "all have run")
    assert len(set(idents)) == 1
    wait_until(lambda: executor._idle == 4, "all threads are idle")


def test_one_long_task_keeps_no_threads_away(executor: Executor) -> None:
    """When more tasks come, another thread starts, however busy the CPU is."""
    is_long, may_end, has_run = threading.Event(), threading.Event(), threading.Event()

    def be_long() -> None:
        is_long.set()
        may_end.wait(30)

    executor.add([run_of(1, be_long), run_of(2, lambda: None)])
    assert is_long.wait(30)
    adapt(executor, 1.0, times=FULL_CHECKS)
    wait_until(lambda: not executor._are_quick(module.MONITOR_INTERVAL), "the task counts as long")
    executor.add([run_of(3, has_run.set)])
    assert has_run.wait(30)
    may_end.set()
