"""Limits after which a process that runs tasks is replaced. Memory that a task leaks is freed with its process."""

from dataclasses import dataclass

from djbundle.common.processes import resident_memory

MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one process; 0 means no limit."""

    tasks: int = 0  # tasks that it runs in its life
    memory: int = 0  # resident memory in MB, of which it shares some with the worker

    def left(self, given: int) -> float:
        """Return how many tasks it may still get, after `given` tasks."""
        return self.tasks - given if self.tasks else float("inf")

    def are_reached(self, given: int, pid: int) -> bool:
        """Return whether it may get no more tasks."""
        return self.left(given) <= 0 or 0 < self.memory < resident_memory(pid) / MB
