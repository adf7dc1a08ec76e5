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

MAX_RECEIVERS = 8  # Granian starts each when a request waits and no thread receives
NO_IDLE_TIMEOUT = 10 * 365 * 24 * 3600  # seconds that they may be idle
RECEIVE_INTERVAL = 0.5  # seconds during which requests always waited, or may have, before a pause
MAX_PAUSE = 0.2  # seconds, at most
LARGE_BATCH = 256  # requests received in one pause; after more, the next pause comes in SHORT_RECEIVE_INTERVAL seconds
SHORT_RECEIVE_INTERVAL = 0.05
POLL_INTERVAL = 0.001  # seconds between checks, in a pause, whether requests are received
MAX_EMPTY_POLLS = 2  # checks without a new request, after which the pause ends
BUSY_POLL_INTERVAL = 0.006  # seconds between checks while other threads compute: Python switches threads every 5 ms
BUSY_QUIET_TIME = 0.05  # seconds during which a thread could receive but nothing came, though others may compute
MAX_QUEUE_SIZE = 8192  # requests; more wait in Granian. Only proxies, which have no limit, reach this


class Receivers:
    """A source of requests, and the threads that receive from it."""

    def __init__(self, site: SiteThreads, admission: Admission) -> None:
        self.site, self.admission = site, admission
        self.primary = PrimaryReceiver(self)
        self.secondaries: dict[int, SecondaryReceiver] = {}  # by thread identifier
        self.primary_thread: int | None = None
        self.receiving = 0  # threads that wait in Granian for a request, or are about to
        self.parked: list[SecondaryReceiver] = []
        self.closed = False
        self.last_activity = time.monotonic()  # when a thread last went to receive, or received
        self.received = 0  # requests
        self.next_check = 0.0  # when to check next how many requests wait, monotonic seconds
        with site.lock:
            site.sources.append(self)

    def receive(self, request: Request) -> None:
        """Handle a request in one of Granian's threads. Return when that thread should receive another."""
        self.note_received()
        self.admission.admit(request, self.enter_site)

    def note_received(self) -> None:
        now = time.monotonic()
        if now - self.last_activity > (BUSY_QUIET_TIME if self.site.busy else POLL_INTERVAL):
            self.next_check = now + RECEIVE_INTERVAL  # a thread could receive, and nothing came
        self.last_activity = now
        self.received += 1

    def enter_site(self, request: Request) -> None:
        """Pass an admitted request to the site, in one of Granian's threads."""
        thread = threading.get_ident()
        receiver = self.primary if thread == self.primary_thread else self.secondary_of(thread)
        receiver.receive(request)

    def secondary_of(self, thread: int) -> "PrimaryReceiver | SecondaryReceiver":
        """Return the receiver of another thread than the first."""
        return self.secondaries.get(thread) or self.register(thread)

    def count_receiving(self) -> None:
        """Note that another thread waits in Granian for a request. Call it with the lock held."""
        self.receiving += 1
        self.last_activity = time.monotonic()

    def register(self, thread: int) -> "PrimaryReceiver | SecondaryReceiver":
        with self.site.lock:
            self.receiving += 1
            if self.primary_thread is None:
                self.primary_thread = thread
                self.primary.register()
                return self.primary
            self.secondaries[thread] = secondary = SecondaryReceiver(self)
            return secondary

    @property
    def has_receiver(self) -> bool:
        """True if a thread receives, or if Granian may start one that does. Read it with the lock held."""
        return self.receiving > 0 or len(self.secondaries) + 1 < MAX_RECEIVERS

    def wake_receiver(self) -> None:
        """Wake a thread that waits, if none receives. See RequestSource. Call it with the lock held."""
        if self.receiving > 0:
            return
        if self.primary in self.site.idle:
            self.primary.wake()
        elif self.parked:
            self.parked.pop().wake()

    @property
    def is_pending_unknown(self) -> bool:
        """True if it is time to check, see RequestSource."""
        return time.monotonic() > self.next_check

    def receive_pending(self) -> None:
        """Receive the pending requests, see RequestSource."""
        with self.site.lock:
            if self.site.is_receiving_pending or self.is_pause_useless():
                return
            self.site.is_receiving_pending = True
        before = self.received
        self.wait_until_received()
        with self.site.lock:
            self.site.is_receiving_pending = False
            self.next_check = time.monotonic() + (
                SHORT_RECEIVE_INTERVAL if self.received - before > LARGE_BATCH else RECEIVE_INTERVAL
            )

    def is_pause_useless(self) -> bool:
        """Return whether it is certain that no request waits, or impossible to check.

        It is certain if a thread could receive and nothing came. No check is possible if no thread can be called, since
        Granian has not needed another one yet. Call it with the lock held.
        """
        now = time.monotonic()
        can_call = bool(self.parked) or self.primary in self.site.idle
        if can_call if self.receiving == 0 else now - self.last_activity < BUSY_QUIET_TIME:
            return False
        self.next_check = now + RECEIVE_INTERVAL
        return True

    def wait_until_received(self) -> None:
        """Pause while others receive requests, but not for long."""
        end, empty_polls = time.monotonic() + MAX_PAUSE, 0
        while empty_polls < MAX_EMPTY_POLLS and time.monotonic() < end and len(self.site.requests) < MAX_QUEUE_SIZE:
            with self.site.lock:
                self.wake_receiver()
            before = self.received
            time.sleep(BUSY_POLL_INTERVAL if len(self.site.busy) > 1 else POLL_INTERVAL)
            empty_polls = empty_polls + 1 if self.received == before else 0

    def close(self) -> None:
        """Send all threads back to Granian, which has stopped."""
        with self.site.lock:
            self.closed = True
            self.site.sources.remove(self)
            self.primary.close()
            while self.parked:
                self.parked.pop().wake()


class SecondaryReceiver:
    """A thread that receives, or is parked."""

    def __init__(self, receivers: Receivers) -> None:
        self.receivers, self.site = receivers, receivers.site
        self.wake_lock = threading.Lock()  # released by the thread that calls this one
        self.wake_lock.acquire()

    def receive(self, request: Request) -> None:
        with self.site.lock:
            self.site.enqueue(request)
            self.site.dispatch()
            is_needed = self.site.may_receive or self.site.is_receiving_pending
            keeps_receiving = self.receivers.closed or (is_needed and self.receivers.receiving == 1)
            if not keeps_receiving:
                self.receivers.receiving -= 1
                self.receivers.parked.append(self)
        if not keeps_receiving:
            self.wake_lock.acquire()

    def wake(self) -> None:
        """Wake the thread to receive. Call it with the lock held."""
        self.receivers.count_receiving()
        self.wake_lock.release()


class PrimaryReceiver(SiteThread):
    """A thread that receives, or answers, or is one of the site's idle threads."""

    def __init__(self, receivers: Receivers) -> None:
        super().__init__(receivers.site)
        self.receivers = receivers
        self.is_receiving = True

    def receive(self, request: Request) -> None:
        with self.site.lock:
            self.is_receiving = False
            self.receivers.receiving -= 1
            may_answer = self.site.has_room
            if may_answer:
                self.site.requests.count(request)
                self.site.busy.add(self)
            else:
                self.site.enqueue(request)
                self.become_idle()
            self.site.dispatch()
        if may_answer:
            self.answer(request)
        while not self.is_receiving:
            self.answer_next()

    def become_idle(self) -> None:
        if self.receivers.closed:
            self.unregister()
            self.start_receiving()
        elif (self.site.may_receive or self.site.is_receiving_pending) and not self.receivers.receiving:
            self.start_receiving()
        else:
            super().become_idle()

    def start_receiving(self) -> None:
        """Go back to Granian for a request. Call it with the lock held."""
        self.is_receiving = True
        self.receivers.count_receiving()

    def wake(self) -> None:
        """Take the thread from the idle ones, to receive. Call it with the lock held."""
        self.site.idle.remove(self)
        self.start_receiving()
        self.call()

    def close(self) -> None:
        """Stop answering, now or once the thread rests. Call it with the lock held."""
        if self in self.site.busy:
            return  # it stops when it rests
        if self in self.site.idle:
            self.wake()
        self.unregister()
