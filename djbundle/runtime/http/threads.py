"""The threads of a WSGI site: a configured number, each with its own database connections.

Granian's threads receive the requests. They hand them over, or answer them themselves (receivers.py). No client holds a
thread of the site by sending its body slowly, since bodies are received before (bodies.py); nor by reading slowly,
since other threads send responses in parts.
"""

import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from djbundle.runtime.http.concurrency import LOOK, Pace
from djbundle.runtime.http.limits.fair_queue import FairQueue
from djbundle.runtime.http.protocol.transport import Request
from djbundle.runtime.http.thread_time import ThreadTime
from djbundle.runtime.logs import lines

Answer = Callable[[Request], Any]


class Door(Protocol):
    """The way in for requests. They wait outside while no thread receives them."""

    @property
    def is_attended(self) -> bool:
        """Whether a thread receives, so that no request waits outside. Call it with the lock held."""
        ...

    @property
    def is_unseen(self) -> bool:
        """Whether it has been unknown for some time how many requests wait outside."""
        ...

    def open(self) -> None:
        """Let a thread receive requests. Call it with the lock held."""
        ...

    def take_in(self) -> None:
        """Wait until others have received all or many requests from outside; answer none in this thread meanwhile."""
        ...


class SiteThreads:
    """Runs `site` in up to `count` threads at once, each for one request after the other.

    Where a docstring names the lock, `changed` is meant. `is_exempt` tells whether an address is a proxy's.
    """

    def __init__(self, site: Answer, count: int, is_exempt: Callable[[str], bool] = bool) -> None:
        self.site = site
        self.answering: dict[int, Request] = {}  # by thread identifier
        self.waiting = FairQueue(is_exempt)
        self.doors: list[Door] = []
        self.is_taking_in = False  # a busy thread pauses, so that others receive what waits outside
        self.idle: list[SiteThread] = []  # the last is called first, so that few have connections and caches
        self.busy: set[SiteThread] = set()
        self.threads: list[SiteThread] = []
        self.pace = Pace(count)
        self.changed = threading.Lock()
        self.looking = threading.Event()
        for number in reversed(range(count)):
            self.idle.append(OwnThread(self, number))
        threading.Thread(target=self.look_after, name="pace", daemon=True).start()

    @property
    def has_room(self) -> bool:
        """Whether another request may be answered now. Call it with the lock held."""
        return len(self.busy) < self.pace.room

    @property
    def is_open(self) -> bool:
        """Whether to receive requests: they can be answered, or it must be known whether any wait.

        Call it with the lock held.
        """
        return self.has_room or self.pace.is_slow

    @property
    def has_unknown(self) -> bool:
        """Whether there may be requests that no thread has begun to answer."""
        with self.changed:
            return bool(self.waiting) or not all(door.is_attended for door in self.doors)

    def put(self, request: Request) -> None:
        """Queue a request, and have a thread answer it."""
        with self.changed:
            self.queue(request)
            self.settle()

    def queue(self, request: Request) -> None:
        """Queue a request. Call it with the lock held."""
        self.waiting.put(request)

    def take_in(self) -> None:
        """Receive what waits outside, at doors where its number is unknown.

        An honest request may wait there behind thousands of another client.
        """
        for door in self.doors:
            if door.is_unseen:
                door.take_in()

    def next(self, thread: "SiteThread", answered: Request) -> Request | None:
        """Return what `thread` answers next, or None if it rests."""
        with self.changed:
            self.waiting.release(answered)
            if self.waiting and len(self.busy) <= self.pace.room:
                return self.waiting.next()
            self.busy.remove(thread)
            thread.rest()
            self.settle()
            return None

    def settle(self) -> None:
        """Wake threads for what waits, and let more in. Call it after every change, with the lock held."""
        while self.waiting and self.idle and self.has_room:
            thread = self.idle.pop()
            self.busy.add(thread)
            thread.inbox.put(self.waiting.next())
        if self.is_open:
            for door in self.doors:
                door.open()
        if self.busy and not self.looking.is_set():
            self.looking.set()

    def look_after(self) -> None:
        """Find out how many threads are needed, while requests are answered."""
        while self.looking.wait():
            with self.changed:
                self.pace.begin(self.threads)
            while self.looking.is_set():
                self.looking.clear()  # settle() sets it again while threads are busy
                time.sleep(LOOK)
                with self.changed:
                    if self.is_taking_in:  # a thread that pauses is not waiting for a database
                        self.pace.begin(self.threads)
                    else:
                        self.pace.look(self.threads, self.busy, self.waiting.oldest_wait())
                    self.settle()

    def answer(self, request: Request) -> None:
        """Answer a request in this thread."""
        number = threading.get_ident()
        environ = request.environ
        environ["djbundle.started_at"] = time.perf_counter()
        self.answering[number] = request
        try:
            self.site(request)
        except BaseException:  # Django answers the site's errors, but not sys.exit() and not errors around Django
            told = {"id": environ.get("HTTP_X_REQUEST_ID", "")}
            lines.write("error", "serve", "the answer to a request failed", told, traceback.format_exc())
            if not request.transport.is_started:
                request.transport.respond(500, [], b"")
        finally:
            del self.answering[number]


class SiteThread:
    """A thread that answers requests, and its computing time. None in its inbox wakes it for other work."""

    def __init__(self, site: SiteThreads) -> None:
        self.site = site
        self.inbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self.begun = 0.0  # when it began its request, monotonic seconds

    def enter(self) -> None:
        """Register the thread. Call it first, in the thread itself."""
        self.time = ThreadTime()
        self.site.threads.append(self)

    def used(self) -> float:
        return self.time.seconds()

    def rest(self) -> None:
        """Become idle. Call it with the lock held."""
        self.site.idle.append(self)

    def leave(self) -> None:
        """Stop answering requests. Call it with the lock held."""
        if self in self.site.threads:
            self.site.threads.remove(self)
            self.time.close()

    def answer(self, request: Request | None) -> None:
        """Answer a request, and then what waits, until the thread rests."""
        while request:
            self.begun = time.monotonic()
            self.site.answer(request)
            self.site.take_in()
            request = self.site.next(self, request)


class OwnThread(SiteThread):
    """A thread that does nothing but answer requests."""

    def __init__(self, site: SiteThreads, number: int) -> None:
        super().__init__(site)
        threading.Thread(target=self.work, name=f"site-{number}", daemon=True).start()

    def work(self) -> None:
        self.enter()
        while True:
            self.answer(self.inbox.get())
