"""The tasks of one process: they wait here, first in, first out, for one of its threads, or for its event loop.

Threads that take turns at the interpreter make quick tasks slower, and waiting tasks faster. So one thread begins, and
others join it as long as tasks wait although the process has CPU time to spare. Async tasks need none to help.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from djbundle.tasks.context import Channel
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome, error_entry, failure
from djbundle.tasks.worker.attempt import Attempt, begin, check_connections, close_old_connections
from djbundle.tasks.worker.event_loop import EventLoop
from djbundle.tasks.worker.isolation import call_and_close, prepare_thread, run_alone
from djbundle.tasks.worker.outbox import Outbox
from djbundle.tasks.worker.protocol import Progress, Returned

LOOK_SECONDS = 0.002  # between looks whether more threads would help
BUSY = 0.7  # of the time on a CPU: then they would not


class Runner:
    """`most` tasks at once. Before each begins, `set_begun` is told how many have, and says whether it may."""

    def __init__(self, outbox: Outbox, most: int, set_begun: Callable[[int], bool]) -> None:
        self._outbox = outbox
        self._most = most
        self._set_begun = set_begun
        self._taken = 0  # ever
        self._waiting: deque[Run] = deque()
        self._running = 0  # tasks, in threads and in the event loop
        self._threads = 0
        self._idle = 0  # of the threads
        self._executing: set[int] = set()  # threads that are in a task; others hand one to the event loop
        self._changed = threading.Condition()
        self._is_recalled = False  # by the worker, whose message is still to come
        self._busy = threading.Event()  # tasks wait, or outcomes
        self._cancelled: frozenset[int] = frozenset()
        self._loop = EventLoop()
        threading.Thread(target=self._look_after, daemon=True).start()

    # --- what the worker asks for ---

    def take(self, runs: Sequence[Run]) -> None:
        with self._changed:
            self._waiting.extend(runs)
            self._taken += len(runs)
            self._call_threads(1)
        self._busy.set()

    def give_back(self) -> None:
        """What has not begun."""
        with self._changed:
            pks = [run.pk for run in self._waiting]
            self._waiting.clear()
            self._is_recalled = False
        self._outbox.tell(Returned(pks))

    def cancel(self, pks: frozenset[int]) -> None:
        self._cancelled = pks

    # --- threads ---

    def _call_threads(self, count: int) -> None:
        """Have up to `count` more of them take tasks; the lock is held."""
        count = min(count, len(self._waiting), self._most - self._running)
        self._changed.notify(min(count, self._idle))
        for _ in range(min(count - self._idle, self._most - self._threads)):
            self._threads += 1
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        prepare_thread()
        while True:
            if run := self._next():
                run_alone(self._run, run)
            else:
                self._wait()
                check_connections()  # which the pause may have made old

    def _next(self) -> Run | None:
        """None: there is none, or as many run as may."""
        with self._changed:
            if not self._may_begin():
                return None
            if not self._set_begun(self._taken - len(self._waiting) + 1):
                self._is_recalled = True
                return None
            self._running += 1
            return self._waiting.popleft()

    def _wait(self) -> None:
        with self._changed:
            while not self._may_begin():
                self._idle += 1
                self._changed.wait()
                self._idle -= 1

    def _may_begin(self) -> bool:
        return bool(self._waiting) and self._running < self._most and not self._is_recalled

    def _look_after(self) -> None:
        """While there is anything to do, call more threads where these would help, and send outcomes in time."""
        wall, used = time.monotonic(), time.process_time()
        while True:
            if not self._busy.wait(0):
                self._busy.wait()
                wall, used = time.monotonic(), time.process_time()
            time.sleep(LOOK_SECONDS)
            before, wall = wall, time.monotonic()
            used_before, used = used, time.process_time()
            with self._changed:
                self._busy.clear()
                if self._waiting and self._executing and used - used_before < BUSY * (wall - before):
                    self._call_threads(max(1, self._threads - self._idle))
                waits = bool(self._waiting)
            if self._outbox.flush_late() or waits:
                self._busy.set()

    # --- runs ---

    def _run(self, run: Run) -> None:
        """A thread must outlive whatever comes: a module of tasks that calls sys.exit, for one."""
        begun = time.monotonic()
        try:
            attempt = begin(run, self._channel_of)
            if isinstance(attempt, Attempt) and attempt.is_async:
                self._loop.run(attempt, lambda outcome: self._ended(outcome, begun))
                return
            self._executing.add(threading.get_ident())
            outcome = attempt.run(partial(call_and_close, attempt.call)) if isinstance(attempt, Attempt) else attempt
            close_old_connections()
        except BaseException as error:
            outcome = failure(run.pk, run.epoch, error_entry(error))
        self._executing.discard(threading.get_ident())
        self._ended(outcome, begun)

    def _ended(self, outcome: Outcome, begun: float) -> None:
        with self._changed:
            self._running -= 1
            more = bool(self._waiting)
            if self._idle == self._threads:  # it ended in the event loop
                self._call_threads(1)
        self._outbox.add(outcome, time.monotonic() - begun, more=more)
        if more and not self._busy.is_set():  # to set it again takes longer
            self._busy.set()

    def _channel_of(self, run: Run) -> Channel:
        return Channel(
            lambda values: self._outbox.tell(Progress(run.pk, run.epoch, values)), lambda: run.pk in self._cancelled
        )
