"""Limits after which a process that runs tasks is replaced. Memory that a task leaks is freed with its process."""

from dataclasses import dataclass

from djbundle.common.processes import resident_memory

MB = 1 << 20


@dataclass(frozen=True, slots=True)
class RecycleLimits:
    """The limits of one process; 0 means no limit."""

    max_tasks: int = 0  # that it runs in its life
    max_memory: int = 0  # resident memory in MB, of which it shares some with the worker

    def tasks_left(self, assigned: int) -> float:
        """Return how many tasks it may still get, after `assigned` tasks."""
        return self.max_tasks - assigned if self.max_tasks else float("inf")

    def are_reached(self, assigned: int, pid: int) -> bool:
        """Return whether it may get no more tasks."""
        return self.tasks_left(assigned) <= 0 or 0 < self.max_memory < resident_memory(pid) / MB
