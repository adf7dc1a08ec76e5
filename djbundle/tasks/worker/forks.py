"""What does not survive a fork: connections, pools of them, other people's clean-up, the handlers of signals.

The worker forks processes, and tasks fork more of them by ``multiprocessing``.
"""

import contextlib
import multiprocessing.process
import multiprocessing.util
import os
import signal
import sys
import weakref
from functools import partial
from typing import Any

from django.db import connections

from djbundle.tasks.worker.pipe import ProcessEnd

_kept: list[Any] = []  # what belongs to another process: it must not be closed here, nor collected


def close_connections() -> None:
    """Of this process, before it forks; with Django's pools, whose threads no forked process has."""
    connections.close_all()
    for pools in {id(pools): pools for pools in map(_pools_of, connections.all(initialized_only=True))}.values():
        for alias in list(pools):
            connections[alias].close_pool()  # type: ignore[attr-defined]


def _pools_of(connection: Any) -> dict[str, Any]:
    """Those of all connections of its kind, by alias."""
    pools: dict[str, Any] = getattr(connection, "_connection_pools", {})
    return pools


def forget_owned() -> None:
    """In a process that runs tasks: at its exit nothing is cleaned up that its worker still uses, as temporary folders.

    ``multiprocessing`` does the same in its own processes.
    """
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    multiprocessing.util._finalizer_registry.clear()  # type: ignore[attr-defined]
    multiprocessing.process._children.clear()  # type: ignore[attr-defined]


def prepare(pipe: ProcessEnd) -> None:
    """In a process that runs tasks: see to it that what these fork gets what it needs."""
    os.register_at_fork(after_in_child=partial(_become_ordinary, pipe))


def _become_ordinary(pipe: ProcessEnd) -> None:
    """Or the worker would not see that the process of the task has ended, and nobody could end this one by SIGTERM."""
    pipe.close()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for connection in connections.all(initialized_only=True):
        _kept.append((connection, connection.connection, dict(_pools_of(connection))))
        _pools_of(connection).clear()
        del connections[connection.alias]


def leads_group(*, alone: bool) -> bool:
    """Whether a process that runs tasks leads a group, so that it can be killed with all that they have started.

    Not at a terminal, where a debugger in a task could not read what is typed; except for tasks with a timeout.
    """
    return alone or not sys.stdin or sys.stdin.closed or not sys.stdin.isatty()


def kill_group(pid: int) -> None:
    """Of a process that has not been waited for, so that nobody else has its number."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
