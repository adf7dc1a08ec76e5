"""Granian's threads: they receive the requests of one of its workers.

To hand a request over to another thread takes two changes of threads, a third of what a small page costs. So the first
of them answers what it has received, and then receives the next; the others are kept back, and what comes meanwhile
waits with Granian. Another receives, and hands over, where a request could be answered beside the one that is, and
where that one takes long, so that nobody knows what waits. None of them waits for a client.

What waits with Granian is answered in the order in which it came, so that an honest request would wait for thousands of
another client. So now and then, while there always is something to answer, the thread that answers pauses, and another
receives all that waits, into the queue of the site, which is fair. That is many times faster than to answer it; where
little waits, the pause is short.
"""

import threading
import time

from djbundle.runtime.http.limits.admission import Admission
from djbundle.runtime.http.protocol.transport import Request
from djbundle.runtime.http.threads import SiteThread, SiteThreads

RECEIVERS = 8  # Granian makes each when something waits and nobody receives
FOREVER = 10 * 365 * 24 * 3600  # seconds that they may be idle
UNSEEN = 0.5  # seconds in which requests were always waiting, or may have been, before a pause
PAUSE = 0.2  # seconds, the longest
MUCH = 256  # requests received in a pause, after which the next one comes soon: in ANSWERING seconds
ANSWERING = 0.05
LOOK = 0.001  # seconds between looks in a pause whether requests are received
LOOKS = 2  # of them that find nothing new end it
BESIDE_OTHERS = 0.006  # seconds between looks while others compute: Python changes threads each 5 ms
STILL = 0.05  # seconds in which somebody was there to receive, and had nothing to, though others may compute
MOST_TAKEN_IN = 8192  # requests; more wait with Granian. Only proxies, which may have any number, come so far


class Receivers:
    """A door of the site, and who goes through it."""

    def __init__(self, site: SiteThreads, admission: Admission) -> None:
        self.site, self.admission = site, admission
        self.first = FirstReceiver(self)
        self.others: dict[int, OtherReceiver] = {}  # by the number of the thread
        self.first_thread: int | None = None
        self.outside = 0  # how many wait with Granian for a request, or are about to
        self.kept: list[OtherReceiver] = []
        self.closed = False
        self.moved = time.monotonic()  # when somebody last went out, or received
        self.received = 0  # requests
        self.look_at = 0.0  # when it is to be seen next how many wait, monotonic seconds
        with site.changed:
            site.doors.append(self)

    def receive(self, request: Request) -> None:
        """In one of Granian's threads; returns when that shall receive another."""
        self.note_received()
        self.admission.admit(request, self.enter)

    def note_received(self) -> None:
        now = time.monotonic()
        if now - self.moved > (STILL if self.site.busy else LOOK):
            self.look_at = now + UNSEEN  # somebody was there to receive, and nothing came
        self.moved = now
        self.received += 1

    def enter(self, request: Request) -> None:
        """In one of Granian's threads, with a request that may go to the site."""
        self.receiver(threading.get_ident()).receive(request)

    def receiver(self, thread: int) -> "FirstReceiver | OtherReceiver":
        """The one of this thread."""
        if thread == self.first_thread:
            return self.first
        if thread not in self.others:
            return self.welcome(thread)
        return self.others[thread]

    def go_outside(self) -> None:
        """Another waits with Granian for a request. Wants the lock."""
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
        """See Door. Granian makes another thread when nobody receives. Wants the lock."""
        return self.outside > 0 or len(self.others) + 1 < RECEIVERS

    def open(self) -> None:
        """See Door. Wants the lock."""
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
        """Return whether somebody is there to receive, and nothing comes; or nobody could be called, since Granian has
        had no need of another thread. Wants the lock.
        """
        now = time.monotonic()
        can_call = bool(self.kept) or self.first in self.site.idle
        if can_call if self.outside == 0 else now - self.moved < STILL:
            return False
        self.look_at = now + UNSEEN
        return True

    def wait_until_received(self) -> None:
        """Pause while requests are received, but not for long."""
        end, found_nothing = time.monotonic() + PAUSE, 0
        while found_nothing < LOOKS and time.monotonic() < end and len(self.site.waiting) < MOST_TAKEN_IN:
            with self.site.changed:
                self.open()
            before = self.received
            time.sleep(BESIDE_OTHERS if len(self.site.busy) > 1 else LOOK)
            found_nothing = found_nothing + 1 if self.received == before else 0

    def close(self) -> None:
        """Let all go back to Granian, which has ended."""
        with self.site.changed:
            self.closed = True
            self.site.doors.remove(self)
            self.first.close()
            while self.kept:
                self.kept.pop().call()


class OtherReceiver:
    """Receives, or is kept."""

    def __init__(self, receivers: Receivers) -> None:
        self.all, self.site = receivers, receivers.site
        self.called = threading.Lock()  # released by who calls it
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
        """To receive. Wants the lock."""
        self.all.go_outside()
        self.called.release()


class FirstReceiver(SiteThread):
    """Receives, or is one of the site's threads that are idle, or answers."""

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
        """Wants the lock."""
        self.receives = True
        self.all.go_outside()

    def call(self) -> None:
        """From those that are idle, to receive. Wants the lock."""
        self.site.idle.remove(self)
        self.go_outside()
        self.inbox.put(None)

    def close(self) -> None:
        """Wants the lock."""
        if self in self.site.busy:
            return  # it leaves when it rests
        if self in self.site.idle:
            self.call()
        self.leave()
