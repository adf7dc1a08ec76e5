"""Who runs a task, told so exactly that another worker on the same machine can see that it is gone.

Process ids are used again, so the start time belongs to the name; they mean nothing on another machine, after a
reboot or in another container, so those belong to it too.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Identity:
    """One worker process."""

    machine: str  # this boot of it, and the process namespace
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
        """Whether this process has surely ended. False for one on another machine: only its lease can tell."""
        return self._is_here and start_time(self.pid) != self.started and not is_hidden(self.pid)

    def is_alive(self) -> bool:
        """Whether it surely has not, though it may be stopped, or wait for a machine that was asleep."""
        return self._is_here and start_time(self.pid) == self.started

    @property
    def _is_here(self) -> bool:
        return self.machine == this_machine()


def this_machine() -> str:
    """A short name, since each task is written with it."""
    boot = (PROC / "sys/kernel/random/boot_id").read_bytes()
    namespace = str((PROC / "self/ns/pid").stat().st_ino).encode()
    return hashlib.blake2b(boot + namespace, digest_size=8).hexdigest()


def start_time(pid: int) -> str:
    """Of a live process; "" when there is none."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return "" if fields[0] in "ZX" else fields[19]


def is_hidden(pid: int) -> bool:
    """Whether there is such a process of another user, of which /proc tells nothing (hidepid)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return start_time(pid) == ""
    except OSError:
        return False
    return False
