"""Handles what does not survive a fork: connections and pools, clean-up of the parent, and signal handlers.

The worker forks processes, and tasks fork more of them with ``multiprocessing``.
"""

import contextlib
import os
import signal
import sys
import threading
from functools import partial
from typing import Any

from django.db import connections

from djbundle.common import processes
from djbundle.common.database_connections import pools_of
from djbundle.common.sqlite_forks import make_forks_safe
from djbundle.tasks.worker.pipe import ProcessEnd

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_own_process: list[int] = []  # id of the process that runs tasks; empty where there is none
_saved_masks = threading.local()  # what the thread that forks had blocked before
_inherited: list[Any] = []  # objects that belong to another process: they must not be closed or collected here


def register_fork_hooks(pipe: ProcessEnd) -> None:
    """Make processes that are forked from a process that runs tasks become ordinary ones."""
    _own_process[:] = [os.getpid()]
    os.register_at_fork(
        before=_block_stop_signals,
        after_in_parent=_restore_signal_mask,
        after_in_child=partial(_undo_process_setup, pipe),
    )
    make_forks_safe()


def _block_stop_signals() -> None:
    """Let signals that ask to stop wait until the forked process handles them.

    Until then it ignores them, as its parent does. A signal that comes at once, as from a pool that ends, would be
    lost.
    """
    _saved_masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def _restore_signal_mask() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _saved_masks.before)


def _undo_process_setup(pipe: ProcessEnd) -> None:
    """Undo in a forked process what only the process that runs tasks needs.

    Otherwise the worker would not see that the parent has ended, and SIGTERM could not end this process.
    """
    pipe.close()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for connection in connections.all(initialized_only=True):
        _inherited.append((connection, connection.connection, dict(pools_of(connection))))
        pools_of(connection).clear()
        del connections[connection.alias]
    _restore_signal_mask()


def end_copy() -> None:
    """End this process if a task has forked it, and the fork has returned from the task too."""
    if _own_process:
        processes.end_copy(_own_process[0])


def leads_group(*, alone: bool) -> bool:
    """Return whether a process that runs tasks leads a process group.

    Then it can be killed with all processes that its tasks started. At a terminal it leads none, because a debugger in
    a task could not read from it; processes for tasks with a timeout lead one even there.
    """
    return alone or not sys.stdin or sys.stdin.closed or not sys.stdin.isatty()


def kill_group(pid: int) -> None:
    """Kill a process that has not been reaped, so that its number is not reused, and its group if it leads one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
