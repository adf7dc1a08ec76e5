"""Faults at each step of a command, by strace: a system call that changes something fails, or the process is killed."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PROGRAM = shutil.which("strace")
CALLS = (
    "write,pwrite64,writev,ftruncate,fsync,fdatasync,openat,rename,renameat,renameat2,link,linkat,unlink,unlinkat,"
    "mkdir,mkdirat,rmdir,utimensat,copy_file_range,sendfile"
)
LINE = re.compile(r"(\w+)\((.*)")
FAULTS = ("signal=KILL", "error=ENOSPC")
CHANGES_NOTHING = ("O_RDONLY", "= -1 ENOENT", "= -1 EEXIST")
INJECTED = "(INJECTED)"
ATTEMPTS = 5  # the calls by which a bundle loads its libraries differ in number from run to run


class Step(NamedTuple):
    """One system call of a command: the `number`-th of its name."""

    call: str
    number: int
    arguments: str


class Command(NamedTuple):
    """A command whose first process is traced, and the places where its calls count."""

    words: Sequence[str | Path]
    environment: Mapping[str, str]
    places: Sequence[Path]
    trace: Path

    def steps(self) -> list[Step]:
        """Run it, and return its calls that change something at the places."""
        result = self._run()
        assert result.returncode == 0, result.stderr
        return [step for step in self._read() if self._counts(step)]

    def run_with_fault(self, step: Step, fault: str) -> subprocess.CompletedProcess[str] | None:
        """Run it with a fault at the step. Return None if the fault hit a call that is none at the places."""
        result = self._run("-e", f"inject={step.call}:{fault}:when={step.number}")
        steps = list(self._read())
        hit = steps[-1:] if fault == FAULTS[0] else [each for each in steps if INJECTED in each.arguments]
        return result if hit and self._counts(hit[0]) else None

    def _counts(self, step: Step) -> bool:
        is_change = not any(each in step.arguments for each in CHANGES_NOTHING)
        return is_change and any(str(place) in step.arguments for place in self.places)

    def _read(self) -> Iterator[Step]:
        counts: Counter[str] = Counter()
        for match in filter(None, map(LINE.match, self.trace.read_text(errors="replace").splitlines())):
            counts[match[1]] += 1
            yield Step(match[1], counts[match[1]], match[2])

    def _run(self, *options: str) -> subprocess.CompletedProcess[str]:
        traced = [str(PROGRAM), "-y", "-s", "32", "-e", f"trace={CALLS}", "-o", str(self.trace), *options]
        command = [*traced, *map(str, self.words)]
        return subprocess.run(
            command, env=dict(self.environment), capture_output=True, text=True, timeout=120, check=False
        )
