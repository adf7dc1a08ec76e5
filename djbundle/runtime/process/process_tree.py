"""The processes of a site, as the kernel reports them."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from djbundle.common.processes import resident_memory, stat_fields
from djbundle.runtime.logs.formats import printable

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    title: str  # "shop web"
    role: str  # "web"; "serve" for the supervisor, whose title is only the name of the site
    pid: int
    parent: int
    seconds: float  # since its start
    memory: int  # bytes, proportional set size


def walk_processes(pid: int, parent: int = 0) -> Iterator[Process]:
    """Yield a process and all its descendants, parents first. A process that exits meanwhile is left out."""
    pending = [(pid, parent)]
    while pending:
        try:
            process, children = _read_process(*pending.pop())
        except OSError:
            continue
        yield process
        pending += [(child, process.pid) for child in reversed(children)]


def _read_process(pid: int, parent: int) -> tuple[Process, list[int]]:
    """Return the process, and the ids of its children. Raise OSError if it has exited."""
    folder = PROC / str(pid)
    fields = stat_fields(pid)
    if not fields:
        raise ProcessLookupError(pid)
    seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")  # field 22, proc(5)
    title = printable((folder / "comm").read_text(errors="replace").strip())  # any process can set its own
    role = title.rpartition(" ")[2] if " " in title else "serve"
    return Process(title, role, pid, parent, seconds, proportional_set_size(folder)), _children_of(pid)


def _children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]
    except FileNotFoundError:  # gVisor, and kernels without CONFIG_PROC_CHILDREN
        pids = (int(folder.name) for folder in PROC.iterdir() if folder.name.isdigit())
        return [each for each in pids if stat_fields(each)[1:2] == [str(pid)]]


def proportional_set_size(folder: Path) -> int:
    """Return it in bytes; 0 for a process of another user. gVisor does not know it, so that is the resident memory."""
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()
    except FileNotFoundError:
        return resident_memory(int(folder.name))
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
