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

from djbundle.runtime.logs.lines import log
from djbundle.runtime.process import exit_reason, forking
from djbundle.runtime.process.cgroup import ControlGroup
from djbundle.runtime.process.child import LOOP, Child
from djbundle.runtime.process.heartbeat import LOOK, Heart

Action = Callable[[], object]


class Supervisor:
    """Until the children are `proven`, the first exit stops all, and its code becomes the supervisor's exit code.

    `heart` is the supervisor's own heartbeat, which its parent checks.
    """

    def __init__(self, children: Sequence[Child], *, grace: float, proven: bool, heart: Heart | None = None) -> None:
        self.children = list(children)
        self.grace = grace
        self.proven = proven
        self.heart = heart
        self.exit_code = 0
        self.deadline = math.inf  # of the graceful stop
        self.signals: list[int] = []
        self.actions: dict[int, Action] = {number: lambda: self.stop(0) for number in forking.STOP_SIGNALS}
        self.on_stop: Action = lambda: None
        self.timers: list[tuple[float, Action]] = []
        self.selector = selectors.DefaultSelector()
        self.control_group = ControlGroup()
        self.kills_for_memory = self.control_group.kills_for_memory()

    def __enter__(self) -> Self:
        self.wakeup, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in forking.STOP_SIGNALS:
            signal.signal(number, self.record)
        self.signals += forking.early_signals()
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(self.wakeup, self.drain_wakeup)
        forking.let_signals_in()
        return self

    def __exit__(self, *_: object) -> None:
        forking.reset_signals()
        self.selector.close()

    def record(self, number: int, _frame: FrameType | None) -> None:
        self.signals.append(number)

    # --- what callers register with the loop ---

    def watch(self, descriptor: int, answer: Action) -> None:
        """Call `answer` whenever the descriptor is readable."""
        self.selector.register(descriptor, selectors.EVENT_READ, answer)

    def forget(self, descriptor: int) -> None:
        self.selector.unregister(descriptor)

    def at(self, moment: float, action: Action) -> None:
        """Call `action` at this moment, in monotonic seconds."""
        self.timers.append((moment, action))

    def on(self, number: int, action: Action) -> None:
        """Call `action` when this signal arrives, instead of stopping."""
        self.actions[number] = action

    def add(self, child: Child) -> None:
        """Add a child, and start it unless it runs."""
        self.children.append(child)
        if not child.pid:
            child.start(time.monotonic())

    def drain_wakeup(self) -> None:
        os.read(self.wakeup, 4096)

    # --- the loop ---

    @property
    def stopping(self) -> bool:
        return self.deadline < math.inf

    @property
    def running(self) -> list[Child]:
        return [child for child in self.children if child.pid]

    def run(self) -> int:
        """Start all children, and run until every one has stopped; return the exit code."""
        for child in self.children:
            if not child.pid:
                child.start(time.monotonic())
        self.act_on_signals()  # those that arrived before we had handlers
        self.reap()  # children that exited before
        self.listen_to_hearts(time.monotonic())
        while self.running or not self.stopping:
            for key, _ in self.selector.select(self.pause()):
                key.data()
            self.act_on_signals()
            self.reap()
            self.keep_up()
        return self.exit_code

    def pause(self) -> float | None:
        due = min([self.deadline, *(child.due for child in self.children), *(moment for moment, _ in self.timers)])
        return None if due == math.inf else max(0.0, due - time.monotonic())

    def act_on_signals(self) -> None:
        while self.signals:
            number = self.signals.pop(0)
            if not self.stopping:
                self.actions[number]()
            elif number != forking.LEAVE:
                self.signal_children(signal.SIGKILL)

    def stop(self, exit_code: int) -> None:
        """Ask every child to finish."""
        self.on_stop()
        self.exit_code, self.deadline = exit_code, time.monotonic() + self.grace
        for child in self.children:
            child.due = math.inf
        self.signal_children(signal.SIGTERM)

    def signal_children(self, number: int) -> None:
        for child in self.running:
            child.signal(number)

    def listen_to_hearts(self, looked: float) -> None:
        """Kill each child whose heartbeat is stale, so that it is started again.

        If all processes were suspended, this loop too, the limits start anew.
        """
        now = time.monotonic()
        resumed = now if now - looked > 2 * LOOK else -math.inf
        for heart in [child.heart for child in self.running if child.heart]:
            heart.answer()
        if self.heart:
            self.heart.beat()
        for child in [] if self.stopping else self.running:
            if child.heart and not child.once and child.heart.is_silent(max(child.started, resumed)):
                log(f"{child.name} (process {child.pid}) hangs, and is killed", "error")
                child.signal(signal.SIGKILL)
        self.at(now + LOOK, lambda: self.listen_to_hearts(now))

    def reap(self) -> None:
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
                    self.bury(child, os.waitstatus_to_exitcode(status))

    def bury(self, child: Child, code: int) -> None:
        child.died(time.monotonic())
        if self.stopping or child.once:
            child.due = math.inf
        elif not self.proven:
            self.stop(code if code > 0 else 128 - code)
        else:
            self.tell_of_death(child, code)
        if child.once:
            self.children.remove(child)
        if child.ended and not self.stopping:
            child.ended(code)

    def tell_of_death(self, child: Child, code: int) -> None:
        kills = self.control_group.kills_for_memory()
        asked = child.in_flight.take() if child.in_flight else ()
        why = exit_reason.describe(code, child.words.take(), no_memory=kills > self.kills_for_memory, asked=asked)
        self.kills_for_memory = kills
        then = "it is started again"
        if child.quick_deaths >= LOOP:
            wait = child.due - time.monotonic()
            then += f" in {wait:.0f} s, after {child.quick_deaths} deaths in a row: what it does first must be wrong"
        log(f"{child.name} {why}; {then}", "error")

    def keep_up(self) -> None:
        """Start children that are due, kill those that exceed the grace, and run timers that are due."""
        now = time.monotonic()
        if now >= self.deadline:
            late = " and ".join(sorted({child.name for child in self.running}))
            log(f"{late} did not finish within {self.grace:.0f} s and is killed", "warning")
            self.signal_children(signal.SIGKILL)
            self.deadline = now + self.grace
        for child in self.children:
            if now >= child.due:
                child.start(now)
        due = [timer for timer in self.timers if now >= timer[0]]
        self.timers = [timer for timer in self.timers if now < timer[0]]
        for _, action in due:
            action()
