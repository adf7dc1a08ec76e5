"""When a process that runs tasks has done enough: memory that a task leaks goes back with its process."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one process; 0: none."""

    tasks: int = 0  # that it runs in its life
    memory: int = 0  # MB that it holds, of which it shares some with the worker

    def left(self, given: int) -> float:
        """Tasks that it may be given, after so many."""
        return self.tasks - given if self.tasks else float("inf")

    def are_reached(self, given: int, pid: int) -> bool:
        """Whether it may be given no more."""
        return self.left(given) <= 0 or 0 < self.memory < resident_memory(pid) / MB


def resident_memory(pid: int) -> int:
    """Bytes, as proc_pid_statm(5) tells; 0 when the process is gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return 0
