"""Pages that end when a test says so, and a client that requests them from a site."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from djbundle.runtime.http.limits.admission import Admission
from djbundle.runtime.http.limits.bodies import Bodies, close_body
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.transport import Request
from djbundle.runtime.http.receivers import Receivers
from djbundle.runtime.http.threads import SiteThreads
from djbundle.runtime.options.http import HttpOptions
from tests.runtime.granian import make_request
from tests.support.waiting import wait_until

MAX_THREADS = 3  # threads
MAX_RECEIVERS = 4


@dataclass
class Page:
    computes: bool = False
    answered_by: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self) -> None:
        self.answered_by = threading.current_thread().name
        while not self.over.is_set():
            if not self.computes:
                self.over.wait()


class Pool:
    """The pool of a Granian worker: waiting requests, and threads, which are started when no idle one is left."""

    def __init__(self, site: SiteThreads) -> None:
        limits = Limits(HttpOptions())
        self.receivers = Receivers(site, Admission(limits, Bodies(limits, None), site.put))
        self.waiting: deque[Request | Callable[[], object]] = deque()
        self.threads: list[threading.Thread] = []
        self.idle = 0
        self.ended = False
        self.changed = threading.Condition()

    def call(self, action: Callable[[], object]) -> None:
        """Run `action` in one of the threads, as Granian does when a part of a body has come."""
        self.put(action)

    def put(self, request: Request | Callable[[], object]) -> None:
        with self.changed:
            self.waiting.append(request)
            if len(self.waiting) > self.idle and len(self.threads) < MAX_RECEIVERS:
                self.threads.append(threading.Thread(target=self.run, daemon=True))
                self.threads[-1].start()
            self.changed.notify()

    def run(self) -> None:
        while request := self.next_request():
            if isinstance(request, Request):
                self.receivers.receive(request)
            else:
                request()

    def next_request(self) -> Request | Callable[[], object] | None:
        with self.changed:
            self.idle += 1
            self.changed.wait_for(lambda: self.waiting or self.ended)
            self.idle -= 1
            return self.waiting.popleft() if self.waiting else None

    def end(self) -> None:
        self.receivers.close()
        with self.changed:
            self.ended = True
            self.changed.notify_all()


class Client:
    """Requests pages from a site, by `put`."""

    def __init__(self, site: SiteThreads, put: Callable[[Request], None]) -> None:
        self.site, self.put = site, put
        self.pages: list[Page] = []

    def ask(self, *, computes: bool = False) -> Page:
        page = Page(computes)
        self.pages.append(page)
        self.put(make_request(page=page))
        return page

    def answering(self) -> list[Page]:
        return [page for page in self.pages if page.answered_by and not page.over.is_set()]

    def finish(self) -> None:
        for page in self.pages:
            page.over.set()
        wait_until(lambda: not self.site.busy and not self.site.requests, "all threads are idle")


def make_site() -> SiteThreads:
    def answer(request: Request) -> None:
        request.environ["page"].answer()
        close_body(request)

    return SiteThreads(answer, MAX_THREADS)
