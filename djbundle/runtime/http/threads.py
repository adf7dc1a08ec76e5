"""The threads of a WSGI site: as many as it was told to have, each with its connections to databases.

Granian's threads, which receive the requests, hand them over; or answer them without that (receivers.py). No client
holds a thread of the site by sending its body slowly (bodies.py); nor by reading slowly, since an answer in parts is
sent by a thread of its own.
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
    """Through it requests come in; some wait outside for as long as nobody receives them."""

    @property
    def is_attended(self) -> bool:
        """Whether somebody receives, so that nobody waits outside. Wants the lock."""
        ...

    @property
    def is_unseen(self) -> bool:
        """Whether nobody has seen for some time how many wait outside."""
        ...

    def open(self) -> None:
        """Have requests received. Wants the lock."""
        ...

    def take_in(self) -> None:
        """Have all received that wait outside, or many of them; the calling thread answers none meanwhile."""
        ...


class SiteThreads:
    """Run `site` in up to `count` threads at once, for one request after the other.

    What is said to want the lock is called while `changed` is held. `is_exempt` tells the addresses of proxies.
    """

    def __init__(self, site: Answer, count: int, is_exempt: Callable[[str], bool] = bool) -> None:
        self.site = site
        self.answering: dict[int, Request] = {}  # by the number of the thread
        self.waiting = FairQueue(is_exempt)
        self.doors: list[Door] = []
        self.is_taking_in = False  # a busy thread answers nothing, so that others receive what waits outside
        self.idle: list[SiteThread] = []  # the last of them is called first, so that few have connections and caches
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
        """Whether another request may be answered now. Wants the lock."""
        return len(self.busy) < self.pace.room

    @property
    def is_open(self) -> bool:
        """Whether requests are to be received: they can be answered, or it shall be seen whether they wait. Wants the
        lock.
        """
        return self.has_room or self.pace.is_slow

    @property
    def has_unknown(self) -> bool:
        """Whether somebody may have asked whom no thread has begun to answer."""
        with self.changed:
            return bool(self.waiting) or not all(door.is_attended for door in self.doors)

    def put(self, request: Request) -> None:
        """Have it answered."""
        with self.changed:
            self.queue(request)
            self.settle()

    def queue(self, request: Request) -> None:
        """Wants the lock."""
        self.waiting.put(request)

    def take_in(self) -> None:
        """Where it is not known how many wait outside, have them received: an honest request may be among thousands
        of another client.
        """
        for door in self.doors:
            if door.is_unseen:
                door.take_in()

    def next(self, thread: "SiteThread", answered: Request) -> Request | None:
        """What `thread` answers next; None: it rests."""
        with self.changed:
            self.waiting.leave(answered)
            if self.waiting and len(self.busy) <= self.pace.room:
                return self.waiting.next()
            self.busy.remove(thread)
            thread.rest()
            self.settle()
            return None

    def settle(self) -> None:
        """After every change: call threads for what waits, and let more in. Wants the lock."""
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
        """While requests are answered, find out how many threads that takes."""
        while self.looking.wait():
            with self.changed:
                self.pace.begin(self.threads)
            while self.looking.is_set():
                self.looking.clear()  # until somebody answers again
                time.sleep(LOOK)
                with self.changed:
                    if self.is_taking_in:  # who answers nothing meanwhile does not wait for anything else
                        self.pace.begin(self.threads)
                    else:
                        self.pace.look(self.threads, self.busy, self.waiting.oldest())
                    self.settle()

    def answer(self, request: Request) -> None:
        """In this thread."""
        number = threading.get_ident()
        environ = request.environ
        environ["djbundle.begun"] = time.perf_counter()
        self.answering[number] = request
        try:
            self.site(request)
        except BaseException:  # Django answers the site's errors; but not sys.exit(), nor of what stands around it
            told = {"id": environ.get("HTTP_X_REQUEST_ID", "")}
            lines.write("error", "serve", "the answer to a request failed", told, traceback.format_exc())
            if not request.transport.is_begun:
                request.transport.respond(500, [], b"")
        finally:
            del self.answering[number]


class SiteThread:
    """One that answers requests, and its time. None in its inbox is for what else it does."""

    def __init__(self, site: SiteThreads) -> None:
        self.site = site
        self.inbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self.begun = 0.0  # with its request, monotonic seconds

    def enter(self) -> None:
        """To be called in the thread itself, first."""
        self.time = ThreadTime()
        self.site.threads.append(self)

    def used(self) -> float:
        return self.time.seconds()

    def rest(self) -> None:
        """It is not busy any more. Wants the lock."""
        self.site.idle.append(self)

    def leave(self) -> None:
        """It will answer no more. Wants the lock."""
        if self in self.site.threads:
            self.site.threads.remove(self)
            self.time.close()

    def answer(self, request: Request | None) -> None:
        """And then what waits, until the thread rests."""
        while request:
            self.begun = time.monotonic()
            self.site.answer(request)
            self.site.take_in()
            request = self.site.next(self, request)


class OwnThread(SiteThread):
    """One that does nothing else."""

    def __init__(self, site: SiteThreads, number: int) -> None:
        super().__init__(site)
        threading.Thread(target=self.work, name=f"site-{number}", daemon=True).start()

    def work(self) -> None:
        self.enter()
        while True:
            self.answer(self.inbox.get())
