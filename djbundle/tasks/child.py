"""A process that runs tasks: forked by the worker, fed by it through a pipe, ended by it or with it.

It touches the table of tasks in no way. A task that kills its process or hangs costs this process, not the worker.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from djbundle.tasks.context import Channel
from djbundle.tasks.execution import Outcome, error_entry, execute, failure
from djbundle.tasks.models import TaskRecord

FLUSH_SECONDS, FLUSH_COUNT = 0.005, 64  # outcomes wait for others while more tasks wait, so long or so many at most
PR_SET_PDEATHSIG = 1  # linux/prctl.h
COMM = Path("/proc/self/comm")


@dataclass(frozen=True, slots=True)
class Returned:
    """Answer to RECALL: tasks that had not begun."""

    pks: list[int]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, see context.py."""

    pk: int
    epoch: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask tasks to stop."""

    pks: frozenset[int]


RECALL = "recall"  # give back what has not begun
Message = list[TaskRecord] | Cancel | str
Answer = list[Outcome] | Returned | Progress


def run_child(pipe: Connection, threads: int, parent: int) -> NoReturn:
    """All that a forked process does."""
    try:
        die_with(parent, signal.SIGKILL)  # even while a task holds the interpreter
        _set_name()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the worker hears them, and stops its children in order
        Runner(pipe, threads).run()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


class Runner:
    """Tasks wait here, first in, first out, for one of the threads."""

    def __init__(self, pipe: Connection, threads: int) -> None:
        self._pipe = pipe
        self._waiting: deque[TaskRecord] = deque()
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._outcomes: list[Outcome] = []
        self._unsent = threading.Event()
        self._cancelled: frozenset[int] = frozenset()
        targets = [self._flush, *[self._work] * threads]
        self._threads = [threading.Thread(target=target, daemon=True) for target in targets]

    def run(self) -> None:
        """Until the pipe is closed: by a worker that needs this process no more, or that is gone."""
        for thread in self._threads:
            thread.start()
        while True:
            try:
                message: Message = self._pipe.recv()
            except (EOFError, OSError):
                os._exit(0)
            if message == RECALL:
                self._give_back()
            elif isinstance(message, Cancel):
                self._cancelled = message.pks
            else:
                self._take(message)  # type: ignore[arg-type]

    def _take(self, records: list[TaskRecord]) -> None:
        with self._changed:
            self._waiting.extend(records)
            self._changed.notify(len(records))

    def _give_back(self) -> None:
        with self._changed:
            pks = [record.pk for record in self._waiting]
            self._waiting.clear()
        with self._sending:
            self._send()
            self._pipe.send(Returned(pks))

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                record = self._waiting.popleft()
            self._tell(run(record, self._channel_of(record)))

    def _channel_of(self, record: TaskRecord) -> Channel:
        def tell(values: dict[str, Any]) -> None:
            with self._sending, contextlib.suppress(OSError):  # the worker is gone, and so is this process in a moment
                self._pipe.send(Progress(record.pk, record.epoch, values))

        return Channel(tell, lambda: record.pk in self._cancelled)

    def _tell(self, outcome: Outcome) -> None:
        """Send it, or let it wait a moment for others where there are more to come."""
        with self._sending:
            self._outcomes.append(outcome)
            if not self._waiting or len(self._outcomes) >= FLUSH_COUNT:
                self._send()
            else:
                self._unsent.set()

    def _flush(self) -> None:
        """The moment is over, whatever the task takes that runs now."""
        while True:
            self._unsent.wait()
            time.sleep(FLUSH_SECONDS)
            with self._sending:
                self._send()

    def _send(self) -> None:
        self._unsent.clear()
        outcomes, self._outcomes = self._outcomes, []
        if outcomes:
            with contextlib.suppress(OSError):  # the worker is gone, and so is this process in a moment
                self._pipe.send(outcomes)


def run(record: TaskRecord, channel: Channel) -> Outcome:
    """A thread must outlive whatever comes: a module of tasks that calls sys.exit, for one."""
    begun = time.monotonic()
    try:
        outcome = execute(record, channel)
    except BaseException as error:
        outcome = failure(record, error_entry(error))
    return replace(outcome, took=time.monotonic() - begun)


def die_with(parent: int, number: signal.Signals) -> None:
    """Have the kernel send this process a signal when its parent ends, whatever that does. Linux only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it went before the call
        os._exit(0)


def _set_name() -> None:
    """In a bundle the worker is called "NAME worker", and this "NAME task"."""
    with contextlib.suppress(OSError):
        name = COMM.read_text().strip()
        if name.endswith(" worker"):
            COMM.write_text(f"{name.removesuffix(' worker')} task")
