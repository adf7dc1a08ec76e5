"""Keeps child processes running, and stops them in order. Knows nothing of Django.

``serve`` has two: one supervises the app process (supervisor_process.py), one in the app process supervises the workers
(app_process.py).

Signal handlers only wake the loop. The loop reaps children, and restarts them with backoff. On SIGTERM or SIGINT it
gives every child `grace` seconds to finish. A second signal, or the end of that time, kills them.
"""

import math
import os
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Self

from djbundle.runtime.logs.lines import log, write
from djbundle.runtime.process import exit_reason, forking
from djbundle.runtime.process.cgroup import ControlGroup
from djbundle.runtime.process.child import CRASH_LOOP, Child
from djbundle.runtime.process.heartbeat import CHECK_INTERVAL, Heartbeat

Action = Callable[[], object]


class Supervisor:
    """Until it `is_proven`, the first exit of a child stops all, and its code becomes the supervisor's exit code.

    `heartbeat` is the supervisor's own heartbeat, which its parent checks.
    """

    def __init__(
        self, children: Sequence[Child], *, grace: float, is_proven: bool, heartbeat: Heartbeat | None = None
    ) -> None:
        self.children = list(children)
        self.grace = grace
        self.is_proven = is_proven
        self.heartbeat = heartbeat
        self.exit_code = 0
        self.deadline = math.inf  # of the graceful stop
        self.signals: list[int] = []
        self.signal_handlers: dict[int, Action] = {number: lambda: self.stop(0) for number in forking.STOP_SIGNALS}
        self.on_stop: Action = lambda: None
        self.timers: list[tuple[float, Action]] = []
        self.selector = selectors.DefaultSelector()
        self.control_group = ControlGroup()
        self.kills_for_memory = self.control_group.kills_for_memory()

    def __enter__(self) -> Self:
        forking.keep_handlers_of_site()
        self.wakeup, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in forking.STOP_SIGNALS:
            signal.signal(number, self.record_signal)
        self.signals += forking.early_drain_signals()
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.add_reader(self.wakeup, self.drain_wakeup)
        forking.unblock_stop_signals()
        return self

    def __exit__(self, *_: object) -> None:
        forking.reset_signals()
        self.selector.close()

    def record_signal(self, number: int, _frame: FrameType | None) -> None:
        self.signals.append(number)

    # --- what callers register with the loop ---

    def add_reader(self, descriptor: int, action: Action) -> None:
        """Call `action` whenever the descriptor is readable."""
        self.selector.register(descriptor, selectors.EVENT_READ, action)

    def remove_reader(self, descriptor: int) -> None:
        self.selector.unregister(descriptor)

    def call_at(self, moment: float, action: Action) -> None:
        """Call `action` at this moment, in monotonic seconds."""
        self.timers.append((moment, action))

    def add_signal_handler(self, number: int, action: Action) -> None:
        """Call `action` when this signal arrives, instead of stopping."""
        self.signal_handlers[number] = action

    def add(self, child: Child) -> None:
        """Add a child, and start it unless it runs."""
        self.children.append(child)
        if not child.pid:
            child.start(time.monotonic())

    def drain_wakeup(self) -> None:
        os.read(self.wakeup, 4096)

    # --- the loop ---

    @property
    def is_stopping(self) -> bool:
        return self.deadline < math.inf

    @property
    def running(self) -> list[Child]:
        return [child for child in self.children if child.pid]

    def run(self) -> int:
        """Start all children, and run until every one has stopped; return the exit code."""
        for child in self.children:
            if not child.pid:
                child.start(time.monotonic())
        self.handle_signals()  # those that arrived before we had handlers
        self.reap_children()  # children that exited before
        self.check_heartbeats(time.monotonic())
        while self.running or not self.is_stopping:
            for key, _ in self.selector.select(self.seconds_to_wait()):
                key.data()
            self.handle_signals()
            self.reap_children()
            self.act_on_time()
        return self.exit_code

    def seconds_to_wait(self) -> float | None:
        due = min([self.deadline, *(child.start_at for child in self.children), *(moment for moment, _ in self.timers)])
        return None if due == math.inf else max(0.0, due - time.monotonic())

    def handle_signals(self) -> None:
        while self.signals:
            number = self.signals.pop(0)
            if not self.is_stopping:
                self.signal_handlers[number]()
            elif number != forking.DRAIN:
                self.signal_children(signal.SIGKILL)

    def stop(self, exit_code: int) -> None:
        """Ask every child to finish."""
        self.on_stop()
        self.exit_code, self.deadline = exit_code, time.monotonic() + self.grace
        for child in self.children:
            child.start_at = math.inf
        self.signal_children(signal.SIGTERM)

    def signal_children(self, number: int) -> None:
        for child in self.running:
            child.signal(number)

    def check_heartbeats(self, last_check: float) -> None:
        """Kill each child whose heartbeat is stale, so that it is started again. Report one whose heartbeat is late.

        If all processes were suspended, this loop too, the limits start anew.
        """
        now = time.monotonic()
        resumed = now if now - last_check > 2 * CHECK_INTERVAL else -math.inf
        for heartbeat in [child.heartbeat for child in self.running if child.heartbeat]:
            heartbeat.beat_as_parent()
        if self.heartbeat:
            self.heartbeat.beat()
        for child in [] if self.is_stopping else self.running:
            if child.heartbeat and child.may_restart:
                check_heartbeat(child, child.heartbeat, max(child.started, resumed))
        self.call_at(now + CHECK_INTERVAL, lambda: self.check_heartbeats(now))

    def reap_children(self) -> None:
        """Reap exited children; as process 1 of a container, also orphans of other processes."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for child in list(self.children):
                if child.pid == pid:
                    self.reap(child, os.waitstatus_to_exitcode(status))

    def reap(self, child: Child, code: int) -> None:
        child.plan_restart(time.monotonic())
        if self.is_stopping or not child.may_restart:
            child.start_at = math.inf
        elif not self.is_proven:
            self.stop(code if code > 0 else 128 - code)
        else:
            self.log_exit(child, code)
        if not child.may_restart:
            self.children.remove(child)
        if child.on_exit and not self.is_stopping:
            child.on_exit(code)

    def log_exit(self, child: Child, code: int) -> None:
        kills = self.control_group.kills_for_memory()
        requests = child.in_flight.take() if child.in_flight else ()
        why = exit_reason.describe_exit(
            code, child.last_error.take(), is_out_of_memory=kills > self.kills_for_memory, requests=requests
        )
        self.kills_for_memory = kills
        then = "it is started again"
        if child.quick_exits >= CRASH_LOOP:
            wait = child.start_at - time.monotonic()
            then += f" in {wait:.0f} s, since it has ended {child.quick_exits} times soon after its start"
        write("error", "serve", f"{child.name} {why}; {then}", exit_reason.death_fields(child.name, why, requests))

    def act_on_time(self) -> None:
        """Start children that are due, kill those that exceed the grace, and run timers that are due."""
        now = time.monotonic()
        if now >= self.deadline:
            late = " and ".join(sorted({child.name for child in self.running}))
            log(f"{late} did not finish within {self.grace:.0f} s and is killed", "warning")
            self.signal_children(signal.SIGKILL)
            self.deadline = now + self.grace
        for child in self.children:
            if now >= child.start_at:
                child.start(now)
        due = [timer for timer in self.timers if now >= timer[0]]
        self.timers = [timer for timer in self.timers if now < timer[0]]
        for _, action in due:
            action()


def check_heartbeat(child: Child, heartbeat: Heartbeat, since: float) -> None:
    process = f"{child.name} (process {child.pid})"
    if heartbeat.is_stale(since):
        log(f"{process} hangs, and is killed", "error")
        child.signal(signal.SIGKILL)
    elif heartbeat.becomes_late(since):
        log(f"{process} has not moved for {heartbeat.report_after:.0f} s", "warning")
