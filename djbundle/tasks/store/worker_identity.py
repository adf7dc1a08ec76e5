"""Identifies worker processes, so that a worker sees exactly when another one on its machine is gone.

Process ids are reused, so the identity includes the start time. They mean nothing on another machine, after a reboot,
or in another container, so the identity includes these too.
"""

import functools
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from djbundle.common.processes import start_time

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Identity:
    """One worker process."""

    machine: str  # hash of its boot id and of the process namespace
    pid: int
    started: str  # clock ticks since boot; field 22 of proc_pid_stat(5)

    def __str__(self) -> str:
        return f"{self.machine}/{self.pid}/{self.started}"

    @classmethod
    def parse(cls, text: str) -> Self:
        machine, pid, started = text.rsplit("/", 2)
        return cls(machine, int(pid), started)

    @classmethod
    def of_this_process(cls) -> Self:
        pid = int((PROC / "self").readlink().name)
        return cls(this_machine(), pid, start_time(pid))

    def is_gone(self) -> bool:
        """Return whether this process has certainly ended.

        Return False for a process on another machine, where only its lease can tell.
        """
        return self._is_here and start_time(self.pid) != self.started and not is_hidden(self.pid)

    def is_alive(self) -> bool:
        """Return whether this process certainly lives.

        It may still be stopped, or it may still wait because its machine was asleep.
        """
        return self._is_here and start_time(self.pid) == self.started

    @property
    def _is_here(self) -> bool:
        return self.machine == this_machine()


def this_machine() -> str:
    """Return a short name of the machine. It is short because it is written with each task."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_bytes()
        namespace = str((PROC / "self/ns/pid").stat().st_ino).encode()
    except OSError:  # gVisor has neither
        return _name_of_this_process()
    return hashlib.blake2b(boot + namespace, digest_size=8).hexdigest()


@functools.cache
def _name_of_this_process() -> str:
    """Return a name that no other process has. Only leases tell then whether another worker is gone."""
    return secrets.token_hex(8)


def is_hidden(pid: int) -> bool:
    """Return whether the process exists but belongs to another user, and /proc does not show it (hidepid)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return start_time(pid) == ""
    except OSError:
        return False
    return False
