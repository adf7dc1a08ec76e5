"""Notes outside of every database and broker: each run of a task adds one line to a file."""

import bisect
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


def note(path: str, number: int) -> None:
    """Add the number by one write, so that no two lines mix and none is lost with its process."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, b"%d\n" % number)
    finally:
        os.close(descriptor)


def runs(path: Path) -> Counter[int]:
    """Return how often each number was noted."""
    return Counter(map(int, path.read_text().split())) if path.exists() else Counter()


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class Kill(NamedTuple):
    """A kill, and the size of the file before and after it: it takes a while to restart a server."""

    name: str
    before: int
    after: int


def causes(path: Path, kills: Sequence[Kill]) -> Counter[str]:
    """Return after which kinds of kills tasks were run again: each time the first one after the run before."""
    ends, found, last_ends, end = [kill.after for kill in kills], Counter[str](), dict[int, int](), 0
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
        end += len(line)
        if last := last_ends.get(int(line)):
            index = bisect.bisect_left(ends, last)
            found[kills[index].name if index < len(kills) and kills[index].before < end else "no kill"] += 1
        last_ends[int(line)] = end
    return found
