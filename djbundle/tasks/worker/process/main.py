"""A process that runs tasks. The worker forks it, feeds it through a pipe, and ends it; it never outlives the worker.

It exits as other programs do: it runs what tasks and packages registered for the exit, so exporters send the rest of
their data. It writes nothing into the task table, except if a receiver listens to the end of a task. A task that kills
its process, or hangs, costs this process and not the worker.
"""

import atexit
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from djbundle.common.endings import disable_inherited_finalizers
from djbundle.common.processes import die_with_parent, set_process_name, use_line_buffering
from djbundle.common.thread_connections import close_with_threads
from djbundle.tasks import signals
from djbundle.tasks.store.claimed_run import run_of
from djbundle.tasks.worker import descendants, forks
from djbundle.tasks.worker.pipe import ProcessEnd
from djbundle.tasks.worker.process.executor import Executor
from djbundle.tasks.worker.process.outbox import Outbox
from djbundle.tasks.worker.protocol import RECALL, CancelMessage, RunMessage, WorkerMessage

COMM = Path("/proc/self/comm")


def run_child(
    pipe: ProcessEnd, threads: int, set_started: Callable[[int], bool], parent: int, *, alone: bool
) -> NoReturn:
    """Do all that a forked process does. It calls `set_started` with the count of started runs, see assignments.py."""
    try:
        die_with_parent(parent)  # works even while a task holds the interpreter
        if forks.leads_group(alone=alone):
            os.setpgid(0, 0)
        if alone:
            descendants.adopt_orphans()
        _set_name()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the worker handles them, and stops its children in order
        use_line_buffering()
        disable_inherited_finalizers()
        forks.register_fork_hooks(pipe)
        close_with_threads()
        gc.freeze()  # the garbage collector neither scans nor copies what the worker has loaded
        signals.raise_log_level()
        outbox = Outbox(pipe, is_batching=not alone)
        _handle_messages(pipe, Executor(outbox, threads, set_started))
        outbox.is_ending = True
        atexit._run_exitfuncs()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _handle_messages(pipe: ProcessEnd, executor: Executor) -> None:
    """Handle messages until the pipe is closed, because the worker shuts this process down or is gone."""
    while True:
        try:
            message: WorkerMessage = pipe.receive()
        except (EOFError, OSError):
            return
        if isinstance(message, RunMessage):
            executor.add([run_of(row, message.alias, is_overdue=message.are_overdue) for row in message.rows])
        elif isinstance(message, CancelMessage):
            executor.cancel(message.pks)
        elif message == RECALL:
            executor.give_back()


def _set_name() -> None:
    """Set the process name: in a bundle the worker is called "NAME worker", and this process "NAME task"."""
    with contextlib.suppress(OSError):
        name = COMM.read_text().strip()
        if name.endswith(" worker"):
            set_process_name(f"{name.removesuffix(' worker')} task")
