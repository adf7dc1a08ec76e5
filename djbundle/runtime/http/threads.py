"""The threads of a WSGI site. Granian's own only receive requests and hand them over.

So no client holds a thread of the site by sending its body slowly (bodies.py); nor by reading slowly, since an answer
in parts is sent by a thread of its own. And the site has as many threads, each with its connections to databases, as it
was told to.
"""

import contextvars
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from django.db import connections

from djbundle.runtime.http.pace import LOOK, Pace
from djbundle.runtime.logs import lines

STREAMS = 256  # answers in parts that one worker sends at once; made when they are needed

Answer = Callable[[Any, dict[str, Any]], Any]


class Request(NamedTuple):
    """As Granian hands it over; `peer` is the address at the other end of the connection."""

    protocol: Any
    environ: dict[str, Any]
    peer: str


class SiteThreads:
    """Run `site`, which is what Granian would call, in up to `count` threads, for one request after the other."""

    def __init__(self, site: Answer, count: int) -> None:
        self.site = site
        self.streams = ThreadPoolExecutor(STREAMS, "stream")
        self.answering: dict[int, str] = {}  # the peer for whom each thread works, by the thread's number
        self.waiting: deque[tuple[float, Request]] = deque()  # with the time since when, monotonic seconds
        self.threads = [SiteThread(self, number) for number in range(count)]
        self.idle = self.threads[::-1]  # the last of them is called first, so that few have connections and caches
        self.busy: set[SiteThread] = set()
        self.pace = Pace(count)
        self.changed = threading.Lock()
        self.looking = threading.Event()
        threading.Thread(target=self.look_after, name="pace", daemon=True).start()

    def put(self, request: Request) -> None:
        """Have it answered."""
        with self.changed:
            self.waiting.append((time.monotonic(), request))
            self.call_thread()
            looks = self.is_to_be_looked_after()
        if looks and not self.looking.is_set():
            self.looking.set()

    def next(self, thread: "SiteThread") -> Request | None:
        """What `thread` answers next; None: it is idle."""
        with self.changed:
            if self.waiting and len(self.busy) <= self.pace.room:
                return self.waiting.popleft()[1]
            self.busy.remove(thread)
            self.idle.append(thread)
            return None

    def call_thread(self) -> None:
        """Where one more may answer; the lock is held."""
        if self.waiting and self.idle and len(self.busy) < self.pace.room:
            thread = self.idle.pop()
            self.busy.add(thread)
            thread.inbox.put(self.waiting.popleft()[1])

    def is_to_be_looked_after(self) -> bool:
        """The lock is held."""
        return bool(self.waiting) or len(self.busy) > 1

    def look_after(self) -> None:
        """While requests wait, or several are answered at once, find out how many threads that takes."""
        while self.looking.wait():
            self.pace.begin(self.threads)
            while self.looking.is_set():
                time.sleep(LOOK)
                with self.changed:
                    waited = time.monotonic() - self.waiting[0][0] if self.waiting else 0.0
                    self.pace.look(self.threads, self.busy, waited)
                    self.call_thread()
                    if not self.is_to_be_looked_after():
                        self.looking.clear()

    def answer(self, request: Request) -> None:
        """In this thread."""
        number = threading.get_ident()
        protocol, environ, self.answering[number] = request
        environ["djbundle.begun"] = time.perf_counter()
        sender = Sender(protocol, environ.get("djbundle.spool"), self.streams)
        try:
            self.site(sender, environ)
        except Exception:  # the site's own errors are answered by Django; this one is of what stands around it
            told = {"id": environ.get("HTTP_X_REQUEST_ID", "")}
            lines.write("error", "serve", "the answer to a request failed", told, traceback.format_exc())
            sender.response_bytes(500, [], b"")
        finally:
            del self.answering[number]


class SiteThread:
    """One of them, and its time."""

    def __init__(self, site: SiteThreads, number: int) -> None:
        self.site = site
        self.inbox: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self.begun = 0.0  # with its request, monotonic seconds
        thread = threading.Thread(target=self.work, name=f"site-{number}", daemon=True)
        thread.start()
        self.clock = time.pthread_getcpuclockid(thread.ident or 0)

    def used(self) -> float:
        return time.clock_gettime(self.clock)

    def work(self) -> None:
        while True:
            request: Request | None = self.inbox.get()
            while request:
                self.begun = time.monotonic()
                self.site.answer(request)
                request = self.site.next(self)


class Sender:
    """Stands for Granian's protocol of one request. An answer in parts is sent elsewhere, in the context of this
    thread: with its language and time zone, but with connections to databases of its own, which are closed behind it.
    """

    __slots__ = ("protocol", "spool", "streams")

    def __init__(self, protocol: Any, spool: Any, streams: ThreadPoolExecutor) -> None:
        self.protocol, self.spool, self.streams = protocol, spool, streams

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if self.spool:
            self.spool.close()
        self.protocol.response_bytes(status, headers, body)

    def response_iter(self, status: int, headers: list[tuple[str, str]], parts: Any) -> None:
        context = contextvars.copy_context()
        self.streams.submit(context.run, self.stream, status, headers, parts)

    def stream(self, status: int, headers: list[tuple[str, str]], parts: Any) -> None:
        try:
            self.protocol.response_iter(status, headers, parts)
        except Exception:
            lines.write("error", "serve", "an answer broke off", trace=traceback.format_exc())
        finally:
            if self.spool:
                self.spool.close()
            connections.close_all()
