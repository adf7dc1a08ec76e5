"""Cuts a body that can be cut anywhere: in large parts for fast clients, since each part costs a thread switch."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from wsgiref.util import FileWrapper

MAX_PART_SIZE, MIN_PART_SIZE = 1 << 20, 64 << 10  # bytes
MAX_TOTAL_PART_SIZE = 16 << 20  # bytes, about, of the next parts of all clients together
BUFFERED_SIZE = 512 << 10  # bytes that Granian and the kernel accept before the client has taken any
FAST_CLIENT_TIME = 0.02  # seconds in which a fast client takes a part


class PartSizes:
    """The sizes of the parts that one client is sent. `count_clients` returns the number of clients that share."""

    def __init__(self, count_clients: Callable[[], int]) -> None:
        self.count_clients = count_clients
        self.size, self.sum, self.asked_at = MIN_PART_SIZE, 0, 0.0

    def next(self) -> int:
        """Return the size of the next part in bytes. Call it when there is room for that part."""
        now = time.monotonic()
        if self.sum >= BUFFERED_SIZE:
            is_quick = now - self.asked_at < FAST_CLIENT_TIME
            max_size = min(MAX_PART_SIZE, MAX_TOTAL_PART_SIZE // max(1, self.count_clients()))
            self.size = max(MIN_PART_SIZE, min(max_size, self.size * 4) if is_quick else self.size // 4)
        self.sum, self.asked_at = self.sum + self.size, now
        return self.size


class FileParts(FileWrapper):
    """Parts of a file, larger than the 8 KB that are FileWrapper's default."""

    def __init__(self, file: Any, sizes: PartSizes) -> None:
        super().__init__(file)
        self.sizes = sizes

    def __next__(self) -> bytes:
        self.blksize = self.sizes.next()
        return super().__next__()


def memory_parts(body: Sequence[bytes], sizes: PartSizes) -> Iterator[bytes]:
    """Yield the parts of a body in memory. They are cut one by one, so it is never copied as a whole."""
    for part in body:
        begin = 0
        while begin < len(part):
            size = sizes.next()
            yield part[begin : begin + size]
            begin += size
