"""Notes outside of every database and broker: each run of a task adds one line to a file."""

import bisect
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path


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


def causes(path: Path, kills: Sequence[tuple[int, str]]) -> Counter[str]:
    """Return after which kinds of kills tasks were run again.

    Each kill has the size that the file had then. It is the first one after the first run of the task.
    """
    sizes = [size for size, _ in kills]
    first_ends, found, end = dict[int, int](), Counter[str](), 0
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
        end += len(line)
        first = first_ends.setdefault(int(line), end)
        if first != end:
            index = bisect.bisect_left(sizes, first)
            found[kills[index][1] if index < len(kills) and sizes[index] < end else "no kill"] += 1
    return found
