"""Keeps child processes running, and stops them in order. Knows nothing of Django.

There are two of it in ``serve``: one over the process that loads the site (serve.py), one in that process over those
that work (app.py).

Signal handlers only wake the loop. The loop reaps, restarts with backoff, and on SIGTERM or SIGINT lets every child
finish for `grace` seconds; a second signal, or the end of that time, kills them.
"""

import math
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Self

from djbundle.runtime import process

FIRST_DELAY = 0.5  # seconds before a child that died is started again; doubled each time
LONGEST_DELAY = 30.0
STEADY = 60.0  # seconds after which a child counts as healthy, and its delay starts anew


@dataclass(slots=True)
class Child:
    """One role, and the process that plays it."""

    name: str  # for messages: "web"
    title: str  # for top and pkill: "shop web"
    run: Callable[[], int]
    pid: int = 0  # 0: not running
    started: float = 0.0
    delay: float = FIRST_DELAY
    due: float = math.inf  # when to start it; infinity: not by itself

    def start(self, now: float) -> None:
        self.pid, self.started, self.due = process.fork(self.run, self.title), now, math.inf

    def died(self, now: float) -> None:
        """Plan the next start."""
        if now - self.started > STEADY:
            self.delay = FIRST_DELAY
        self.pid, self.due = 0, now + self.delay
        self.delay = min(self.delay * 2, LONGEST_DELAY)


class Supervisor:
    """Until they are `proven`, the first child that ends ends all, and its exit code is that of the supervisor."""

    def __init__(self, children: Sequence[Child], *, grace: float, proven: bool) -> None:
        self.children = children
        self.grace = grace
        self.proven = proven
        self.exit_code = 0
        self.deadline = math.inf  # of the graceful stop
        self.signals: list[int] = []
        self.selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        self.wakeup, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in process.STOP_SIGNALS:
            signal.signal(number, self.record)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(self.wakeup, self.drain_wakeup)
        return self

    def __exit__(self, *_: object) -> None:
        process.reset_signals()
        self.selector.close()

    def record(self, number: int, _frame: FrameType | None) -> None:
        self.signals.append(number)

    def watch(self, descriptor: int, answer: Callable[[], None]) -> None:
        """Call `answer` whenever the descriptor can be read."""
        self.selector.register(descriptor, selectors.EVENT_READ, answer)

    def drain_wakeup(self) -> None:
        os.read(self.wakeup, 4096)

    @property
    def stopping(self) -> bool:
        return self.deadline < math.inf

    @property
    def running(self) -> list[Child]:
        return [child for child in self.children if child.pid]

    def run(self) -> int:
        """Start all children; until every one has stopped. The exit code."""
        for child in self.children:
            child.start(time.monotonic())
        while self.running or not self.stopping:
            due = min([self.deadline, *(child.due for child in self.children)])
            wait = None if due == math.inf else max(0.0, due - time.monotonic())
            for key, _ in self.selector.select(wait):
                key.data()
            self.act_on_signals()
            self.reap()
            self.keep_up()
        return self.exit_code

    def act_on_signals(self) -> None:
        while self.signals:
            self.signals.pop(0)
            if self.stopping:
                self.signal_children(signal.SIGKILL)
            else:
                self.stop(0)

    def stop(self, exit_code: int) -> None:
        """Ask every child to finish."""
        self.exit_code, self.deadline = exit_code, time.monotonic() + self.grace
        for child in self.children:
            child.due = math.inf
        self.signal_children(signal.SIGTERM)

    def signal_children(self, number: int) -> None:
        for child in self.running:
            os.kill(child.pid, number)

    def reap(self) -> None:
        """Collect what has died; as process 1 of a container, orphans of others too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for child in self.children:
                if child.pid == pid:
                    self.bury(child, os.waitstatus_to_exitcode(status))

    def bury(self, child: Child, code: int) -> None:
        child.died(time.monotonic())
        if self.stopping:
            child.due = math.inf
        elif not self.proven:
            self.stop(code if code > 0 else 128 - code)
        else:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            log(f"{child.name} {how}; it is started again")

    def keep_up(self) -> None:
        """Start what is due; kill what overruns the grace."""
        now = time.monotonic()
        if now >= self.deadline:
            late = " and ".join(sorted({child.name for child in self.running}))
            log(f"{late} did not finish within {self.grace:.0f} s and is killed")
            self.signal_children(signal.SIGKILL)
            self.deadline = now + self.grace
        for child in self.children:
            if now >= child.due:
                child.start(now)


def log(message: str) -> None:
    print(f"serve: {message}", file=sys.stderr, flush=True)
