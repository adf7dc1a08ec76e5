"""The threads of a WSGI site: a configured number, each with its own database connections.

Granian's threads receive the requests. They hand them over, or answer them themselves (receivers.py). No client holds a
thread of the site by sending its body slowly, since bodies are received before (bodies.py); nor by reading slowly,
since other threads send responses in parts.
"""

import contextlib
import contextvars
import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from djbundle.runtime.http.concurrency import CHECK_INTERVAL, ConcurrencyController
from djbundle.runtime.http.limits.fair_queue import FairQueue
from djbundle.runtime.http.protocol.transport import Request
from djbundle.runtime.http.thread_time import ThreadTime
from djbundle.runtime.logs import lines

RequestHandler = Callable[[Request], Any]


class RequestSource(Protocol):
    """A source of requests, such as one of Granian's workers. They are pending until a thread receives them."""

    @property
    def has_receiver(self) -> bool:
        """True if a thread receives, so that no request is pending. Read it with the lock held."""
        ...

    @property
    def is_pending_unknown(self) -> bool:
        """True if the number of pending requests has been unknown for some time."""
        ...

    def wake_receiver(self) -> None:
        """Let a thread receive requests. Call it with the lock held."""
        ...

    def receive_pending(self) -> None:
        """Wait until others have received all or many pending requests; answer none in this thread meanwhile."""
        ...


class SiteThreads:
    """Runs `site` in up to `count` threads at once, each for one request after the other.

    `is_exempt` tells whether an address is a proxy's.
    """

    def __init__(self, site: RequestHandler, count: int, is_exempt: Callable[[str], bool] = bool) -> None:
        self.site = site
        self.context = contextvars.copy_context()  # with what the site has set while it was loaded
        self.answering: dict[int, Request] = {}  # by thread identifier
        self.requests: FairQueue[Request] = FairQueue(is_exempt)
        self.sources: list[RequestSource] = []
        self.is_receiving_pending = False  # a busy thread pauses, so that others receive pending requests
        self.idle: list[SiteThread] = []  # the last is called first, so that few have connections and caches
        self.busy: set[SiteThread] = set()
        self.threads: list[SiteThread] = []
        self.concurrency = ConcurrencyController(count)
        self.lock = threading.Lock()
        self.activity = threading.Event()
        for number in reversed(range(count)):
            self.idle.append(PoolThread(self, number))
        threading.Thread(target=self.control_concurrency, name="concurrency", daemon=True).start()

    @property
    def has_room(self) -> bool:
        """True if another request may be answered now. Read it with the lock held."""
        return len(self.busy) < self.concurrency.limit

    @property
    def may_receive(self) -> bool:
        """True if requests are to be received: they can be answered, or it must be known whether any wait.

        Call it with the lock held.
        """
        return self.has_room or self.concurrency.has_slow_request

    @property
    def may_have_unstarted(self) -> bool:
        """True if there may be requests that no thread has begun to answer."""
        with self.lock:
            return bool(self.requests) or not all(source.has_receiver for source in self.sources)

    def put(self, request: Request) -> None:
        """Queue a request, and have a thread answer it."""
        with self.lock:
            self.enqueue(request)
            self.dispatch()

    def enqueue(self, request: Request) -> None:
        """Queue a request. Call it with the lock held."""
        self.requests.put(request)

    def receive_pending(self) -> None:
        """Receive pending requests, from sources where their number is unknown.

        An honest request may be behind thousands of another client.
        """
        for source in self.sources:
            if source.is_pending_unknown:
                source.receive_pending()

    def next_request(self, thread: "SiteThread", answered: Request) -> Request | None:
        """Return what `thread` answers next, or None if it rests."""
        with self.lock:
            self.requests.release(answered)
            if self.requests.size and len(self.busy) <= self.concurrency.limit:
                return self.requests.next()
            self.busy.remove(thread)
            thread.become_idle()
            self.dispatch()
            return None

    def dispatch(self) -> None:
        """Wake threads for what waits, and let more in. Call it after every change, with the lock held."""
        while self.requests.size and self.idle and self.has_room:
            thread = self.idle.pop()
            self.busy.add(thread)
            thread.assign(self.requests.next())
        if self.may_receive:
            for source in self.sources:
                source.wake_receiver()
        if self.busy and not self.activity.is_set():
            self.activity.set()

    def control_concurrency(self) -> None:
        """Find out how many threads are needed, while requests are answered."""
        while self.activity.wait():
            with self.lock:
                self.concurrency.start_measurement(self.threads)
            while self.activity.is_set():
                self.activity.clear()  # dispatch() sets it again while threads are busy
                time.sleep(CHECK_INTERVAL)
                with self.lock:
                    if self.is_receiving_pending:  # a thread that pauses is not waiting for a database
                        self.concurrency.start_measurement(self.threads)
                    else:
                        self.concurrency.adjust(self.threads, self.busy, self.requests.oldest_wait())
                    self.dispatch()

    def answer(self, request: Request) -> None:
        """Answer a request in this thread."""
        number = threading.get_ident()
        request.started_at = time.perf_counter()
        self.answering[number] = request
        try:
            self.site(request)
        except BaseException:  # Django answers the site's errors, but not sys.exit() and not errors around Django
            self.fail(request)
        finally:
            del self.answering[number]

    def fail(self, request: Request) -> None:
        """Log the exception that is being handled, and answer 500 if nothing has been sent."""
        fields = {"id": request.environ.get("HTTP_X_REQUEST_ID", "")}
        lines.write("error", "serve", "the answer to a request failed", fields, traceback.format_exc())
        if not request.transport.is_started:
            request.transport.respond(500, [], b"")


class SiteThread:
    """A thread that answers requests, and its computing time.

    Code that knows the number of the thread can raise an exception in it at any moment (PyThreadState_SetAsyncExc, as
    time limits do), even after the page for which it was meant has ended. The thread survives that, and loses no
    request: so each is assigned before the thread is called, and not handed over by the call.

    All of its requests see the variables of context that were set while the site was loaded, such as the precision and
    rounding of decimals. Python would begin each thread with an empty context.
    """

    def __init__(self, site: SiteThreads) -> None:
        self.site = site
        self.calls: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.assigned: Request | None = None
        self.context = site.context.copy()
        self.started_at = 0.0  # when it began its request, monotonic seconds

    def register(self) -> None:
        """Register the thread. Call it first, in the thread itself."""
        self.time = ThreadTime()
        self.site.threads.append(self)

    def computing_time(self) -> float:
        return self.time.seconds()

    def become_idle(self) -> None:
        """Become idle. Call it with the lock held."""
        self.site.idle.append(self)

    def unregister(self) -> None:
        """Stop answering requests. Call it with the lock held."""
        if self in self.site.threads:
            self.site.threads.remove(self)
            self.time.close()

    def assign(self, request: Request) -> None:
        """Have the idle thread answer a request. Call it with the lock held."""
        self.assigned = request
        self.call()

    def call(self) -> None:
        self.calls.put(None)

    def answer_next(self) -> None:
        """Wait until the thread is called, and answer the request that it was assigned, if any."""
        try:
            self.calls.get()
        except BaseException:
            lines.write("error", "serve", "a thread of the site goes on", trace=traceback.format_exc())
        request, self.assigned = self.assigned, None
        self.answer(request)

    def answer(self, request: Request | None) -> None:
        """Answer a request, and then what waits, until the thread rests."""
        while request:
            self.started_at = time.monotonic()
            try:
                self.context.run(self.site.answer, request)
                self.site.receive_pending()
            except BaseException:
                with contextlib.suppress(BaseException):
                    self.site.fail(request)
            request = self.site.next_request(self, request)


class PoolThread(SiteThread):
    """A thread that does nothing but answer requests."""

    def __init__(self, site: SiteThreads, number: int) -> None:
        super().__init__(site)
        threading.Thread(target=self.run, name=f"site-{number}", daemon=True).start()

    def run(self) -> None:
        self.register()
        while True:
            self.answer_next()
