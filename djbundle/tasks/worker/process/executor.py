"""Runs the tasks of one process. They wait in a queue, first in, first out, for a thread or for the event loop.

Threads that compete for the interpreter slow down quick tasks, but speed up tasks that wait for something. So one
thread begins, and others join while tasks wait and the process has CPU time to spare. They leave when quick tasks use
the whole interpreter: each system call of one thread would hand it to another. Async tasks need no further threads.

Code that knows the number of a thread can raise an exception in it at any moment (PyThreadState_SetAsyncExc, as soft
time limits do), even after the task that it was meant for has ended. So a thread gives back what it holds, however it
is interrupted. CPython checks for such exceptions at calls and at the end of loops; lines that must stay together
contain neither.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from djbundle.tasks import signals
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.context import Channel
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome, error_entry, failure
from djbundle.tasks.worker.attempt import Attempt, begin, check_connections, close_old_connections
from djbundle.tasks.worker.isolation import call_and_close, prepare_thread, run_in_own_context
from djbundle.tasks.worker.process.event_loop import EventLoop
from djbundle.tasks.worker.process.outbox import Outbox
from djbundle.tasks.worker.protocol import ProgressMessage, RecalledMessage

MONITOR_INTERVAL = 0.002  # between checks whether more threads would help
MAX_CPU_SHARE = 0.7  # share of the time on a CPU, from which on they would not help
FULL_CPU_SHARE = 0.9  # share from which on threads with quick tasks hinder each other
FULL_CHECKS = 3  # checks in a row with that share after which only one thread goes on
logger = logging.getLogger("djbundle.tasks")


@dataclass(slots=True)
class ThreadState:
    """The state of one thread."""

    run: Run | None = None  # the run whose end it must report
    started_at: float = 0.0  # monotonic seconds
    error: BaseException | None = None  # the exception that interrupted it


class Executor:
    """Runs up to `max_running` tasks at once.

    Before each starts, it calls `set_started` with the count of started runs, which returns whether the run may start.
    """

    def __init__(self, outbox: Outbox, max_running: int, set_started: Callable[[int], bool]) -> None:
        self._outbox = outbox
        self._max_running = max_running
        self._set_started = set_started
        self._received = 0  # tasks, ever
        self._waiting: deque[Run] = deque()
        self._running: dict[tuple[int, int], Run] = {}  # in threads and in the event loop, by primary key and epoch
        self._threads = 0
        self._idle = 0  # idle threads
        self._max_active = 1  # threads that may take tasks
        self._full_checks = 0  # checks in a row at which quick tasks used the whole interpreter
        # Threads in a task, and when it started, in monotonic seconds. Others are handing one to the event loop.
        self._executing: dict[int, float] = {}
        self._changed = threading.Condition()
        self._is_recalled = False  # by the worker, whose message has not arrived yet
        self._has_work = threading.Event()  # set while tasks or outcomes wait
        self._cancelled: frozenset[int] = frozenset()
        self._loop = EventLoop()
        threading.Thread(target=self._monitor_forever, daemon=True).start()

    # --- requests of the worker ---

    def add(self, runs: Sequence[Run]) -> None:
        with self._changed:
            will_wait = bool(self._waiting) and self._are_quick(MONITOR_INTERVAL)  # but not for long
            self._waiting.extend(runs)
            self._received += len(runs)
            if not will_wait:
                self._wake_threads(1)
        self._has_work.set()

    def give_back(self) -> None:
        """Give back the tasks that have not started."""
        with self._changed:
            pks = [run.pk for run in self._waiting]
            self._waiting.clear()
            self._is_recalled = False
        self._outbox.send(RecalledMessage(pks))

    def cancel(self, pks: frozenset[int]) -> None:
        self._cancelled = pks

    # --- threads ---

    def _wake_threads(self, count: int) -> None:
        """Have up to `count` more threads take tasks. Call it with the lock held."""
        count = min(count, len(self._waiting), self._max_running - len(self._running))
        self._max_active = max(self._max_active, self._threads - self._idle + count)
        self._changed.notify(min(count, self._idle))
        for _ in range(min(count - self._idle, self._max_running - self._threads)):
            self._threads += 1
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        state = ThreadState()
        try:
            prepare_thread()
            while True:
                self._run_next(state)
        except BaseException:
            logger.exception("a thread that runs tasks has ended; another takes its place")
        finally:
            self._replace_thread(state)

    def _run_next(self, state: ThreadState) -> None:
        """Run one task, or wait until there is one. The thread survives whatever is raised in it."""
        try:
            if state.run:
                self._fail_interrupted(state)
            elif self._take_next(state):
                run_in_own_context(self._run, state)
            else:
                self._wait()
                check_connections()  # some may have gone stale during the pause
        except BaseException as error:
            state.error = error

    def _take_next(self, state: ThreadState) -> bool:
        """Take the next task. Return False if there is none, or if as many run as may."""
        with self._changed:
            if not self._may_take():
                return False
            if not self._set_started(self._received - len(self._waiting) + 1):
                self._is_recalled = True
                return False
            state.started_at = time.monotonic()
            run = self._waiting[0]  # no call from here on, see the docstring of this module
            state.run = run
            self._running[run.pk, run.epoch] = run
            del self._waiting[0]
            return True

    def _fail_interrupted(self, state: ThreadState) -> None:
        """Fail a task around which something was raised, before or after its code. No other code reports its end."""
        run, failed_with = state.run, state.error or RuntimeError("The thread that ran it was interrupted.")
        if run:
            self._report_end(run, failure(run.pk, run.epoch, error_entry(failed_with)), state.started_at)
        state.run = state.error = None

    def _replace_thread(self, state: ThreadState) -> None:
        with self._changed:
            self._threads -= 1
        self._fail_interrupted(state)
        with self._changed:
            self._wake_threads(1)

    def _wait(self) -> None:
        with self._changed:
            while not self._may_take():
                try:
                    self._idle += 1
                    self._changed.wait()
                finally:
                    self._idle -= 1

    def _may_take(self) -> bool:
        """Return whether the calling thread, which is not idle, may take a task. Call it with the lock held."""
        is_allowed = len(self._running) < self._max_running and self._threads - self._idle <= self._max_active
        return is_allowed and bool(self._waiting) and not self._is_recalled

    def _are_quick(self, seconds: float) -> bool:
        """Return whether threads take tasks, and none has run one for so long. Call it with the lock held."""
        now = time.monotonic()
        oldest = min([*self._executing.values()], default=now)
        return self._threads > self._idle and now - oldest < seconds

    def _monitor_forever(self) -> None:
        while True:
            try:
                self._monitor()
            except BaseException:
                logger.exception("the thread that looks after tasks goes on")

    def _monitor(self) -> None:
        """Adapt the number of active threads, and send outcomes in time, while there is anything to do."""
        wall, used = time.monotonic(), time.process_time()
        while True:
            if not self._has_work.wait(0):
                self._has_work.wait()
                wall, used = time.monotonic(), time.process_time()
            time.sleep(MONITOR_INTERVAL)
            before, wall = wall, time.monotonic()
            used_before, used = used, time.process_time()
            with self._changed:
                self._has_work.clear()
                self._adapt_threads((used - used_before) / (wall - before), wall - before)
                waits = bool(self._waiting)
            if self._outbox.flush_late() or waits:
                self._has_work.set()

    def _adapt_threads(self, cpu_share: float, seconds: float) -> None:
        """Have more threads take tasks if these would help, or only one if they hinder each other.

        The process had that share of a CPU in the last seconds. Call it with the lock held.
        """
        if self._waiting and self._executing and cpu_share < MAX_CPU_SHARE:
            self._wake_threads(max(1, self._threads - self._idle))
        is_full = cpu_share > FULL_CPU_SHARE and self._are_quick(seconds)
        self._full_checks = self._full_checks + 1 if is_full else 0
        if self._full_checks >= FULL_CHECKS:
            self._max_active = 1

    # --- runs ---

    def _run(self, state: ThreadState) -> None:
        """Run the task, and report its end whatever it does. Its module may even call sys.exit."""
        run, started_at = state.run, state.started_at
        if run is None:
            return
        try:
            attempt = begin(run, self._channel_of)
            if isinstance(attempt, Attempt) and attempt.is_async:
                self._loop.run(attempt, lambda outcome: self._report_end(run, outcome, started_at))
                state.run = None
                return
            self._executing[threading.get_ident()] = started_at
            outcome = (
                attempt if isinstance(attempt, Outcome) else attempt.execute(partial(call_and_close, attempt.call))
            )
            if outcome.status != TaskResultStatus.SUCCESSFUL or signals.has_finished_listeners():
                close_old_connections()  # more code of the project than the task itself may have used them
        except BaseException as error:
            outcome = failure(run.pk, run.epoch, error_entry(error))
        self._executing.pop(threading.get_ident(), None)
        self._report_end(run, outcome, started_at)
        state.run = None

    def _report_end(self, run: Run, outcome: Outcome, started_at: float) -> None:
        """Report the end of a run. It may be called twice for a run, as only one outcome counts."""
        with self._changed:
            self._running.pop((run.pk, run.epoch), None)
            more = bool(self._waiting)
            if self._idle == self._threads:  # the task ended in the event loop
                self._wake_threads(1)
        self._outbox.add(outcome, time.monotonic() - started_at, more=more)
        if more and not self._has_work.is_set():  # setting it again takes longer than this check
            self._has_work.set()

    def _channel_of(self, run: Run) -> Channel:
        return Channel(
            lambda values: self._outbox.send(ProgressMessage(run.pk, run.epoch, values)),
            lambda: run.pk in self._cancelled,
        )
