"""Notes outside of every database and broker: each run of a task adds one line to a file."""

import os
from collections import Counter
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
