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


class Step(NamedTuple):
    """One system call of a command: the `number`-th of its name."""

    call: str
    number: int
    arguments: str

    @property
    def is_output(self) -> bool:
        return self.call == "write" and self.arguments.startswith(("1,", "2,"))


def steps_of(command: Sequence[str | Path], environment: Mapping[str, str], places: Sequence[Path]) -> list[Step]:
    """Run a command, and return the calls of its first process that change something, from the first at `places`."""
    trace = places[0].parent / "trace"
    result = _run(["-o", str(trace)], command, environment)
    assert result.returncode == 0, result.stderr
    steps = list(_read(trace))
    first = next(number for number, step in enumerate(steps) if any(str(place) in step.arguments for place in places))
    return [step for step in steps[first:] if "O_RDONLY" not in step.arguments and "= -1 ENOENT" not in step.arguments]


def _read(trace: Path) -> Iterator[Step]:
    counts: Counter[str] = Counter()
    for match in filter(None, map(LINE.match, trace.read_text(errors="replace").splitlines())):
        counts[match[1]] += 1
        yield Step(match[1], counts[match[1]], match[2])


def run_with_fault(
    command: Sequence[str | Path], environment: Mapping[str, str], step: Step, fault: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in which the step fails, or kills it."""
    return _run(["-o", "/dev/null", "-e", f"inject={step.call}:{fault}:when={step.number}"], command, environment)


def _run(
    options: Sequence[str], command: Sequence[str | Path], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    traced = [str(PROGRAM), "-e", f"trace={CALLS}", *options, *map(str, command)]
    return subprocess.run(traced, env=dict(environment), capture_output=True, text=True, timeout=120, check=False)
