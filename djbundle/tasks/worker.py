"""The worker: claims tasks, runs them in a few threads, keeps their leases alive.

One loop in the main thread waits for a wake-up (a task was committed, a thread is free, a signal came) or for the next
poll. Signal handlers do nothing but wake it.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType

from django.db import DatabaseError, connections

from djbundle.tasks import queue, wakeup
from djbundle.tasks.execution import execute
from djbundle.tasks.identity import Identity
from djbundle.tasks.models import TaskRecord

logger = logging.getLogger("djbundle.tasks")

POLL = 1.0  # seconds; for tasks that become due and for those committed on another machine
HEARTBEAT = queue.LEASE.total_seconds() / 3
SEARCH = 5.0  # seconds between looks for tasks whose worker is gone
PRUNE = 3600.0  # seconds
PATIENCE = 5.0  # seconds before the database is asked again after it failed


@dataclass(slots=True)
class Periodic:
    """Something to do every `interval` seconds; the first time at once."""

    interval: float
    due: float = 0.0

    def is_due(self) -> bool:
        now = time.monotonic()
        if now < self.due:
            return False
        self.due = now + self.interval
        return True


@dataclass
class Worker:
    """`threads` tasks at once from `queues` (empty: all). With `drain`, ends when nothing is due."""

    threads: int
    queues: queue.Queues = ()
    grace: float = 30.0  # seconds for running tasks when stopped
    drain: bool = False

    def __post_init__(self) -> None:
        self.identity = Identity.of_this_process()
        self.running: dict[Future[None], TaskRecord] = {}
        self.stopping = False
        self.receiver: socket.socket | None = None
        self.heartbeat, self.search, self.prune = Periodic(HEARTBEAT), Periodic(SEARCH), Periodic(PRUNE)
        self.selector = selectors.DefaultSelector()
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="task")

    def run(self) -> None:
        """Until SIGTERM or SIGINT, or with `drain` until nothing is left to do."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.selector)
            self._open_wake(stack)
            stack.callback(self._close_receiver)
            while not self.stopping:
                self._look()
                if self.drain and self._is_idle():
                    break
                self._wait(POLL)
            self._finish()

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Take no more tasks; a second call forgets the grace."""
        if self.stopping:
            self.grace = 0.0
        self.stopping = True

    def _open_wake(self, stack: contextlib.ExitStack) -> None:
        """Watch a socket that signals and finished threads write to."""
        reader, self.waker = (stack.enter_context(end) for end in socket.socketpair())
        reader.setblocking(False)
        self.waker.setblocking(False)
        self.selector.register(reader, selectors.EVENT_READ)
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
            stack.callback(signal.set_wakeup_fd, -1)
            for number in (signal.SIGTERM, signal.SIGINT):
                stack.callback(signal.signal, number, signal.signal(number, self.stop))

    def _wake(self, _future: Future[None]) -> None:
        with contextlib.suppress(OSError):  # full: it is awake already; closed: it is ending
            self.waker.send(b"\0")

    def _look(self) -> None:
        """One turn at the database; one that fails is asked again later."""
        try:
            self._listen()
            self._renew()
            if self.search.is_due() and (freed := queue.free_lost()):
                logger.warning("%d tasks of a worker that is gone are run again", freed)
            if self.prune.is_due():
                queue.prune()
            self._claim()
        except DatabaseError as error:
            logger.error("the database does not answer, trying again in %.0f s: %s", PATIENCE, error)
            connections[queue.alias()].close()
            self._wait(PATIENCE)

    def _listen(self) -> None:
        """Take the wake-up socket as soon as no other worker has it."""
        if self.receiver is None and (receiver := wakeup.listen(queue.alias())):
            self.receiver = receiver
            self.selector.register(receiver, selectors.EVENT_READ)

    def _close_receiver(self) -> None:
        if self.receiver:
            self.receiver.close()

    def _renew(self) -> None:
        if self.heartbeat.is_due():
            queue.renew(self.running.values(), self.identity)

    def _claim(self) -> None:
        free = self.threads - len(self.running)
        for record in queue.claim(self.identity, free, self.queues) if free else ():
            future = self.pool.submit(execute, record)
            self.running[future] = record
            future.add_done_callback(self._wake)

    def _wait(self, seconds: float) -> None:
        """For a wake-up, that long at most; then forget the tasks that are done."""
        for key, _ in self.selector.select(seconds):
            wakeup.drain(key.fileobj)  # type: ignore[arg-type]  # only sockets are registered
        for future in [future for future in self.running if future.done()]:
            record = self.running.pop(future)
            if error := future.exception():
                logger.error("the outcome of %s could not be recorded; it will be run again", record, exc_info=error)

    def _is_idle(self) -> bool:
        return not self.running and not queue.due(self.queues).exists()

    def _finish(self) -> None:
        """Let running tasks end within the grace, then give the rest back."""
        begun = time.monotonic()
        while self.running and (left := begun + self.grace - time.monotonic()) > 0:
            self._renew()
            self._wait(min(POLL, left))
        if not self.running:
            self.pool.shutdown()
            return
        for record in self.running.values():
            queue.free(record)
        logger.warning("%d tasks were not finished in time and will be run again", len(self.running))
        os._exit(0)  # their threads cannot be stopped in any other way
