"""The rates of clients, in memory that the processes of a site share, so that a limit counts for all of them.

Each client and rule has one number, by the generic cell rate algorithm: the time at which its bucket will be empty. The
table has a fixed size. Where a row is full, the client that has been quiet for longest is forgotten.
"""

import fcntl
import hashlib
import mmap
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from djbundle.runtime.core import memory_file

ROWS, WAYS = 8192, 8  # 65,536 clients in 1 MB
CELL = 2  # numbers: the key, and the time
CELL_SIZE = 8  # bytes of a number
HEADER = 2  # numbers: how many requests were refused since the last line of the log, and when that was (monotonic)
LOG_INTERVAL = 60.0  # seconds


class RateTable:
    """Create it before the fork. Record locks of the kernel end with their process, so a crash blocks nobody."""

    def __init__(self) -> None:
        size = (HEADER + ROWS * WAYS * CELL) * CELL_SIZE
        self._file = memory_file.create("djbundle-rates", size)
        memory = memoryview(mmap.mmap(self._file, size))
        self._numbers, self._times = memory.cast("Q"), memory.cast("d")
        self._secret = secrets.token_bytes(16)  # so that no client can choose its row
        self._lock = threading.Lock()  # record locks do not keep threads apart

    def take(self, name: str, interval: float, burst: int) -> float:
        """Take one request from the bucket of `name`. Return 0, or the seconds until there is one."""
        key = int.from_bytes(hashlib.blake2b(name.encode(), key=self._secret, digest_size=8).digest()) or 1
        row = HEADER + key % ROWS * WAYS * CELL
        with self._locked(row, WAYS * CELL):
            cell = self._find(row, key)
            now = time.monotonic()
            empty_at = max(now, self._times[cell + 1]) if self._numbers[cell] == key else now
            wait = empty_at - now - (burst - 1) * interval
            if wait > 1e-9:
                return wait
            self._numbers[cell], self._times[cell + 1] = key, empty_at + interval
            return 0.0

    def _find(self, row: int, key: int) -> int:
        """Return the cell of a key; if it has none, the one whose client has been quiet for longest."""
        cells = range(row, row + WAYS * CELL, CELL)
        return next((cell for cell in cells if self._numbers[cell] == key), None) or min(
            cells, key=lambda cell: self._times[cell + 1]
        )

    def count_refusal(self) -> int:
        """Count a refusal. Return how many to tell the log of now, or 0 if it was told a short while ago."""
        with self._locked(0, HEADER):
            count, logged_at, now = self._numbers[0] + 1, self._times[1], time.monotonic()
            if logged_at and now - logged_at < LOG_INTERVAL:
                self._numbers[0] = count
                return 0
            self._numbers[0], self._times[1] = 0, now
            return count

    @contextmanager
    def _locked(self, first: int, count: int) -> Iterator[None]:
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX, count * CELL_SIZE, first * CELL_SIZE)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, count * CELL_SIZE, first * CELL_SIZE)
