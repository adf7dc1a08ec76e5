"""The processes that a process has started, those that these have started, and so on, to be killed with it.

A process that runs tasks with a timeout adopts those whose parents have ended. So all are below it, also those with a
session of their own, and daemons. Each is stopped before the next look: what is stopped starts no more, and waits for
no other, so numbers stay what they are until all are killed.
"""

import contextlib
import ctypes
import os
import signal
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from djbundle.tasks.worker import forks

PROC = Path("/proc")
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
MOST_LOOKS, LOOK_SECONDS = 50, 0.002  # until nothing runs; what the kernel does not stop by then is killed as it is
HALTED = "TtZX"  # states of what starts no more, see proc_pid_stat(5)


class Process(NamedTuple):
    """As /proc shows it."""

    pid: int
    state: str
    parent: int


def adopt_orphans() -> None:
    """Of this process' children, from now on. Linux only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def has_children(pid: int) -> bool:
    """Whether it has any, ended or not. False also where the kernel does not tell."""
    with contextlib.suppress(OSError):
        return any((thread / "children").read_bytes() for thread in (PROC / str(pid) / "task").iterdir())
    return False


def kill_all(pid: int) -> None:
    """This child of ours, which has not been waited for, and all below it."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGSTOP)
    found: dict[int, Process] = {}
    for _ in range(MOST_LOOKS):
        below = _below(pid)
        new = [each for each in below if each.pid not in found]
        for each in new:
            found[each.pid] = each
            _send(each, signal.SIGSTOP)
        if not new and all(each.state in HALTED for each in below):
            break
        time.sleep(LOOK_SECONDS)
    for each in found.values():
        _send(each, signal.SIGKILL)
    forks.kill_group(pid)


def _below(pid: int) -> list[Process]:
    children: defaultdict[int, list[Process]] = defaultdict(list)
    for each in _all():
        children[each.parent].append(each)
    found, parents = [], [pid]
    while parents:
        below = children.pop(parents.pop(), [])
        found += below
        parents += [each.pid for each in below]
    return found


def _all() -> list[Process]:
    with contextlib.suppress(OSError):
        return [found for entry in PROC.iterdir() if entry.name.isdigit() and (found := _look(int(entry.name)))]
    return []


def _look(pid: int) -> Process | None:
    """None: it is gone."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        state, parent = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[:2]
        return Process(pid, state.decode(), int(parent))
    return None


def _send(process: Process, number: signal.Signals) -> None:
    """Unless another one has got its number meanwhile: the parent is asked for while the number is held."""
    with contextlib.suppress(OSError):
        held = os.pidfd_open(process.pid)
        try:
            now = _look(process.pid)
            if now and now.parent == process.parent:
                signal.pidfd_send_signal(held, number)
        finally:
            os.close(held)
