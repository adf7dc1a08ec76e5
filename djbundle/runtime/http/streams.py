"""Answers in parts, each sent by a thread of its own, so that clients who read slowly hold up nobody.

What can be cut anywhere goes in large parts to who takes them quickly, since each part takes a change of threads; and
in small ones to all others, since Granian queues some for each of them.
"""

import contextvars
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.util import FileWrapper

from django.db import connections

from djbundle.runtime.http.outgoing import Headers
from djbundle.runtime.logs import lines

MOST = 256  # answers that one process sends at once; their threads are made when they are needed
LARGEST_PART, SMALLEST_PART = 1 << 20, 64 << 10  # bytes
ALL_PARTS = 16 << 20  # bytes, about: the next parts of all clients
AHEAD = 512 << 10  # bytes that Granian and the kernel take before the client has taken any
QUICK = 0.02  # seconds in which a client shall take a part


class Streams:
    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(MOST, "stream")
        self.peers: dict[int, str] = {}  # who is sent an answer, by the identity of its parts

    def send(self, protocol: Any, status: int, headers: Headers, parts: Any, peer: str) -> None:
        """By another thread, in the context of this one: with its language and time zone.

        `parts` has ``__next__`` and ``close``, as Granian's `protocol` wants it.
        """
        self.peers[id(parts)] = peer
        self.threads.submit(contextvars.copy_context().run, self.stream, protocol, status, headers, parts)

    def stream(self, protocol: Any, status: int, headers: Headers, parts: Any) -> None:
        """With connections to databases of this thread's own, which are closed behind it."""
        try:
            protocol.response_iter(status, headers, parts)
        except Exception:
            lines.write("error", "serve", "an answer broke off", trace=traceback.format_exc())
        finally:
            del self.peers[id(parts)]
            connections.close_all()

    def of_file(self, file: Any, _size: int = 0) -> "FileParts":
        """WSGI's ``file_wrapper``."""
        return FileParts(file, Sizes(self))

    def of_memory(self, body: Sequence[bytes]) -> Iterator[bytes]:
        """`body` is in the largest parts, which are cut where they shall be smaller."""
        sizes = Sizes(self)
        for part in body:
            begin = 0
            while begin < len(part):
                size = sizes.next()
                yield part[begin : begin + size]  # all of it is not copied
                begin += size


class Sizes:
    """Of the parts that one client is sent."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self.size, self.sum, self.asked = SMALLEST_PART, 0, 0.0

    def next(self) -> int:
        """Bytes of the next part: it is asked for when there is room for it."""
        now = time.monotonic()
        if self.sum >= AHEAD:
            is_quick = now - self.asked < QUICK
            most = min(LARGEST_PART, ALL_PARTS // max(1, len(self.streams.peers)))
            self.size = max(SMALLEST_PART, min(most, self.size * 4) if is_quick else self.size // 4)
        self.sum, self.asked = self.sum + self.size, now
        return self.size


class FileParts(FileWrapper):
    """Larger ones than the 8 KB that are asked for."""

    def __init__(self, file: Any, sizes: Sizes) -> None:
        super().__init__(file)
        self.sizes = sizes

    def __next__(self) -> bytes:
        self.blksize = self.sizes.next()
        return super().__next__()
