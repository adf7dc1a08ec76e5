"""The limits of the container or service in which this process runs, as its control group sets them (cgroups(7)).

Version 2 has one tree. Version 1, which older machines still use, has one tree for each controller.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """The control group of this process. A limit that cannot be read is no limit."""

    own: Path = Path("/proc/self/cgroup")
    root: Path = Path("/sys/fs/cgroup")

    def memory(self) -> int | None:
        """Return the memory limit in bytes; None if there is none."""
        limits = [*self._read("memory", "memory.max"), *self._read("memory", "memory.limit_in_bytes")]
        return min((int(each) for each in limits if each.isdecimal()), default=None)

    def cpus(self) -> float | None:
        """Return how many CPUs may be used on average; None if there is no limit."""
        version_1 = zip(self._read("cpu", "cpu.cfs_quota_us"), self._read("cpu", "cpu.cfs_period_us"), strict=True)
        version_2 = (each.split() for each in self._read("cpu", "cpu.max"))
        quotas = [(quota, period) for quota, period in (*version_1, *version_2) if quota.isdecimal()]
        return min((int(quota) / int(period) for quota, period in quotas), default=None)

    def kills_for_memory(self) -> int:
        """Return how often the kernel has killed a process of this group for lack of memory."""
        contents = chain(self._read("memory", "memory.events"), self._read("memory", "memory.oom_control"))
        events = dict(line.split() for line in next(contents, "").splitlines())
        return int(events.get("oom_kill", 0))

    def _read(self, controller: str, name: str) -> Iterator[str]:
        """Yield the content of each file called `name`: of the group, then of its parents, whose limits apply too."""
        for folder in self._folders(controller):
            try:
                yield (folder / name).read_text().strip()
            except OSError:  # the root group has no limits; a container sees its own group as the root
                continue

    def _folders(self, controller: str) -> Iterator[Path]:
        try:
            lines = self.own.read_text().splitlines()
        except OSError:
            return
        for line in lines:
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            group = PurePosixPath(path)
            for each in (group, *group.parents):
                yield self.root / (controller if controllers else "") / each.relative_to("/")
