"""A process that runs tasks: forked by the worker, fed by it through a pipe, ended by it or with it.

It ends as other programs do: what tasks and packages have registered for the exit is run, so exporters send the rest of
what they have. It writes nothing into the table of tasks, but for who listens to the end of one. A task that kills its
process or hangs costs this process, not the worker.
"""

import atexit
import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from djbundle.tasks import signals
from djbundle.tasks.store.claimed_run import run_of
from djbundle.tasks.worker import descendants, forks
from djbundle.tasks.worker.executor import Runner
from djbundle.tasks.worker.outbox import Outbox
from djbundle.tasks.worker.pipe import ProcessEnd
from djbundle.tasks.worker.protocol import RECALL, Cancel, Given, Message

PR_SET_PDEATHSIG = 1  # linux/prctl.h
COMM = Path("/proc/self/comm")


def run_child(
    pipe: ProcessEnd, threads: int, set_begun: Callable[[int], bool], parent: int, *, alone: bool
) -> NoReturn:
    """All that a forked process does. `set_begun` tells how many runs have, see assignments.py."""
    try:
        die_with(parent, signal.SIGKILL)  # even while a task holds the interpreter
        if forks.leads_group(alone=alone):
            os.setpgid(0, 0)
        if alone:
            descendants.adopt_orphans()
        _set_name()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the worker hears them, and stops its children in order
        _print_at_once()
        forks.forget_owned()
        forks.prepare(pipe)
        gc.freeze()  # what the worker has loaded stays: neither looked through nor copied
        signals.raise_log_level()
        _obey(pipe, Runner(Outbox(pipe, together=not alone), threads, set_begun))
        atexit._run_exitfuncs()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _obey(pipe: ProcessEnd, runner: Runner) -> None:
    """Until the pipe is closed: by a worker that needs this process no more, or that is gone."""
    while True:
        try:
            message: Message = pipe.receive()
        except (EOFError, OSError):
            return
        if isinstance(message, Given):
            runner.take([run_of(row, message.alias, is_overdue=message.are_overdue) for row in message.rows])
        elif isinstance(message, Cancel):
            runner.cancel(message.pks)
        elif message == RECALL:
            runner.give_back()


def die_with(parent: int, number: signal.Signals) -> None:
    """Have the kernel send this process a signal when its parent ends, whatever that does. Linux only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it went before the call
        os._exit(0)


def _print_at_once() -> None:
    """Into a pipe or a file, Python writes when it has 8 KB: too late for the last words of who is killed."""
    with contextlib.suppress(AttributeError, ValueError, OSError):  # somebody has put another thing there
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _set_name() -> None:
    """In a bundle the worker is called "NAME worker", and this "NAME task"."""
    with contextlib.suppress(OSError):
        name = COMM.read_text().strip()
        if name.endswith(" worker"):
            COMM.write_text(f"{name.removesuffix(' worker')} task")
