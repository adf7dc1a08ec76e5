"""Finds the children of a process, their children, and so on, to kill all of them with it.

A process that runs tasks with a timeout adopts orphans, so all of them are below it, even daemons and those with their
own session. Each is stopped before the next scan. A stopped process starts and reaps no other, so process ids stay the
same until all are killed.
"""

import contextlib
import ctypes
import os
import signal
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from djbundle.common.processes import stat_fields
from djbundle.tasks.worker import forks

PROC = Path("/proc")
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
MAX_SCANS, SCAN_INTERVAL = 50, 0.002  # scans until nothing runs; then all are killed, stopped or not
HALTED_STATES = "TtZX"  # states in which a process starts no other, see proc_pid_stat(5)


class Descendant(NamedTuple):
    """A process as /proc shows it."""

    pid: int
    state: str
    parent: int


def adopt_orphans() -> None:
    """Make this process the parent of its descendants whose own parents end, from now on. Linux only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def has_children(pid: int) -> bool:
    """Return whether it has children, ended or not. Also return False if the kernel does not show them."""
    with contextlib.suppress(OSError):
        return any((thread / "children").read_bytes() for thread in (PROC / str(pid) / "task").iterdir())
    return False


def kill_all(pid: int) -> None:
    """Kill this child process of ours, which has not been reaped, and all below it."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGSTOP)
    stopped: dict[int, Descendant] = {}
    for _ in range(MAX_SCANS):
        descendants = _descendants_of(pid)
        new = [each for each in descendants if each.pid not in stopped]
        for each in new:
            stopped[each.pid] = each
            _send_signal(each, signal.SIGSTOP)
        if not new and all(each.state in HALTED_STATES for each in descendants):
            break
        time.sleep(SCAN_INTERVAL)
    for each in stopped.values():
        _send_signal(each, signal.SIGKILL)
    forks.kill_group(pid)


def _descendants_of(pid: int) -> list[Descendant]:
    children: defaultdict[int, list[Descendant]] = defaultdict(list)
    for each in _processes():
        children[each.parent].append(each)
    descendants, parents = [], [pid]
    while parents:
        below = children.pop(parents.pop(), [])
        descendants += below
        parents += [each.pid for each in below]
    return descendants


def _processes() -> list[Descendant]:
    with contextlib.suppress(OSError):
        return [
            process for entry in PROC.iterdir() if entry.name.isdigit() and (process := _read_process(int(entry.name)))
        ]
    return []


def _read_process(pid: int) -> Descendant | None:
    """Return the process, or None if it is gone."""
    fields = stat_fields(pid)
    return Descendant(pid, fields[0], int(fields[1])) if fields else None


def _send_signal(process: Descendant, number: signal.Signals) -> None:
    """Send a signal, unless another process has got the number meanwhile.

    The pidfd holds the process while its parent is checked.
    """
    with contextlib.suppress(OSError):
        pidfd = os.pidfd_open(process.pid)
        try:
            current = _read_process(process.pid)
            if current and current.parent == process.parent:
                signal.pidfd_send_signal(pidfd, number)
        finally:
            os.close(pidfd)
