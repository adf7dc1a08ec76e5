"""Granian's threads, which receive the requests of one of its workers.

To hand a request over to another thread costs two thread switches, a third of what a small page costs. So the first
thread answers what it has received, and then receives the next request. The others are parked, and new requests wait in
Granian meanwhile. Another thread receives and hands over in two cases: a second request could be answered at the same
time, or the current one takes long, so that it is unknown what waits. No thread waits for a client.

Requests that wait in Granian are answered in the order in which they came. An honest request would wait behind
thousands of another client. So now and then, while there is always something to answer, the answering thread pauses.
Another thread then receives all that waits into the site's queue, which is fair. That is many times faster than
answering. If little waits, the pause is short.
"""

import threading
import time

from djbundle.runtime.http.limits.admission import Admission
from djbundle.runtime.http.protocol.transport import Request
from djbundle.runtime.http.threads import SiteThread, SiteThreads

RECEIVERS = 8  # Granian starts each when a request waits and no thread receives
FOREVER = 10 * 365 * 24 * 3600  # seconds that they may be idle
UNSEEN = 0.5  # seconds during which requests always waited, or may have, before a pause
PAUSE = 0.2  # seconds, at most
MUCH = 256  # requests received in one pause; after more, the next pause comes in ANSWERING seconds
ANSWERING = 0.05
LOOK = 0.001  # seconds between checks, in a pause, whether requests are received
LOOKS = 2  # checks without a new request, after which the pause ends
BESIDE_OTHERS = 0.006  # seconds between checks while other threads compute: Python switches threads every 5 ms
STILL = 0.05  # seconds during which a thread could receive but nothing came, though others may compute
MOST_TAKEN_IN = 8192  # requests; more wait in Granian. Only proxies, which have no limit, reach this


class Receivers:
    """A door of the site, and the threads that use it."""

    def __init__(self, site: SiteThreads, admission: Admission) -> None:
        self.site, self.admission = site, admission
        self.first = FirstReceiver(self)
        self.others: dict[int, OtherReceiver] = {}  # by thread identifier
        self.first_thread: int | None = None
        self.outside = 0  # threads that wait in Granian for a request, or are about to
        self.kept: list[OtherReceiver] = []
        self.closed = False
        self.moved = time.monotonic()  # when a thread last went outside, or received
        self.received = 0  # requests
        self.look_at = 0.0  # when to check next how many requests wait, monotonic seconds
        with site.changed:
            site.doors.append(self)

    def receive(self, request: Request) -> None:
        """Handle a request in one of Granian's threads. Return when that thread shall receive another."""
        self.note_received()
        self.admission.admit(request, self.enter)

    def note_received(self) -> None:
        now = time.monotonic()
        if now - self.moved > (STILL if self.site.busy else LOOK):
            self.look_at = now + UNSEEN  # a thread could receive, and nothing came
        self.moved = now
        self.received += 1

    def enter(self, request: Request) -> None:
        """Pass an admitted request to the site, in one of Granian's threads."""
        self.receiver(threading.get_ident()).receive(request)

    def receiver(self, thread: int) -> "FirstReceiver | OtherReceiver":
        """Return the receiver of this thread."""
        if thread == self.first_thread:
            return self.first
        if thread not in self.others:
            return self.welcome(thread)
        return self.others[thread]

    def go_outside(self) -> None:
        """Note that another thread waits in Granian for a request. Call it with the lock held."""
        self.outside += 1
        self.moved = time.monotonic()

    def welcome(self, thread: int) -> "FirstReceiver | OtherReceiver":
        with self.site.changed:
            self.outside += 1
            if self.first_thread is None:
                self.first_thread = thread
                self.first.enter()
                return self.first
            self.others[thread] = other = OtherReceiver(self)
            return other

    @property
    def is_attended(self) -> bool:
        """See Door. Granian starts another thread if none receives. Call it with the lock held."""
        return self.outside > 0 or len(self.others) + 1 < RECEIVERS

    def open(self) -> None:
        """See Door. Call it with the lock held."""
        if self.outside > 0:
            return
        if self.first in self.site.idle:
            self.first.call()
        elif self.kept:
            self.kept.pop().call()

    @property
    def is_unseen(self) -> bool:
        """See Door."""
        return time.monotonic() > self.look_at

    def take_in(self) -> None:
        """See Door."""
        with self.site.changed:
            if self.site.is_taking_in or self.has_seen_none():
                return
            self.site.is_taking_in = True
        before = self.received
        self.wait_until_received()
        with self.site.changed:
            self.site.is_taking_in = False
            self.look_at = time.monotonic() + (ANSWERING if self.received - before > MUCH else UNSEEN)

    def has_seen_none(self) -> bool:
        """Return whether it is certain that no request waits, or impossible to check.

        It is certain if a thread could receive and nothing came. No check is possible if no thread can be called, since
        Granian has not needed another one yet. Call it with the lock held.
        """
        now = time.monotonic()
        can_call = bool(self.kept) or self.first in self.site.idle
        if can_call if self.outside == 0 else now - self.moved < STILL:
            return False
        self.look_at = now + UNSEEN
        return True

    def wait_until_received(self) -> None:
        """Pause while others receive requests, but not for long."""
        end, found_nothing = time.monotonic() + PAUSE, 0
        while found_nothing < LOOKS and time.monotonic() < end and len(self.site.waiting) < MOST_TAKEN_IN:
            with self.site.changed:
                self.open()
            before = self.received
            time.sleep(BESIDE_OTHERS if len(self.site.busy) > 1 else LOOK)
            found_nothing = found_nothing + 1 if self.received == before else 0

    def close(self) -> None:
        """Send all threads back to Granian, which has stopped."""
        with self.site.changed:
            self.closed = True
            self.site.doors.remove(self)
            self.first.close()
            while self.kept:
                self.kept.pop().call()


class OtherReceiver:
    """A thread that receives, or is parked."""

    def __init__(self, receivers: Receivers) -> None:
        self.all, self.site = receivers, receivers.site
        self.called = threading.Lock()  # released by the thread that calls this one
        self.called.acquire()

    def receive(self, request: Request) -> None:
        with self.site.changed:
            self.site.queue(request)
            self.site.settle()
            wanted = self.site.is_open or self.site.is_taking_in
            stays = self.all.closed or (wanted and self.all.outside == 1)
            if not stays:
                self.all.outside -= 1
                self.all.kept.append(self)
        if not stays:
            self.called.acquire()

    def call(self) -> None:
        """Wake the thread to receive. Call it with the lock held."""
        self.all.go_outside()
        self.called.release()


class FirstReceiver(SiteThread):
    """A thread that receives, or answers, or is one of the site's idle threads."""

    def __init__(self, receivers: Receivers) -> None:
        super().__init__(receivers.site)
        self.all = receivers
        self.receives = True

    def receive(self, request: Request) -> None:
        with self.site.changed:
            self.receives = False
            self.all.outside -= 1
            answers = self.site.has_room
            if answers:
                self.site.waiting.count(request)
                self.site.busy.add(self)
            else:
                self.site.queue(request)
                self.rest()
            self.site.settle()
        if answers:
            self.answer(request)
        while not self.receives:
            self.answer(self.inbox.get())

    def rest(self) -> None:
        if self.all.closed:
            self.leave()
            self.go_outside()
        elif (self.site.is_open or self.site.is_taking_in) and not self.all.outside:
            self.go_outside()
        else:
            super().rest()

    def go_outside(self) -> None:
        """Go back to Granian for a request. Call it with the lock held."""
        self.receives = True
        self.all.go_outside()

    def call(self) -> None:
        """Take the thread from the idle ones, to receive. Call it with the lock held."""
        self.site.idle.remove(self)
        self.go_outside()
        self.inbox.put(None)

    def close(self) -> None:
        """Stop answering, now or once the thread rests. Call it with the lock held."""
        if self in self.site.busy:
            return  # it stops when it rests
        if self in self.site.idle:
            self.call()
        self.leave()
