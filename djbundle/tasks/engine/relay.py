"""The process that sends the keys of due tasks to the broker, in batches, as soon as they are committed.

It keeps the broker supplied for about a second, and no more: what waits in the database can still be cancelled, paused
or overtaken. Each queue has a supply of its own, so one whose workers are busy or gone holds up no other. While the
broker does not answer, tasks wait in the database.
"""

import contextlib
import logging
import select
import socket
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import batched

from django.db import Error, connections

from djbundle.common.periodic import Periodic
from djbundle.tasks import options
from djbundle.tasks.engine import sending
from djbundle.tasks.engine.destination import Destination, MakeDestination
from djbundle.tasks.engine.relay_registry import RelayRegistration, relays
from djbundle.tasks.store import wakeup
from djbundle.tasks.store.transitions import alias
from djbundle.tasks.store.worker_identity import Identity

logger = logging.getLogger("djbundle.tasks")

BATCH = 500  # tasks marked in one transaction
POLL_INTERVAL = 1.0  # seconds between searches for tasks that become due
FULL_INTERVAL = 0.02  # seconds between these searches while the broker has enough
HEARTBEAT_INTERVAL = 3.0  # seconds between checks of the broker's heartbeats
LOST_INTERVAL = 0.5  # seconds between searches for tasks to send again
MIN_WINDOW, MAX_WINDOW = 64, 20_000  # tasks that are in the broker, and not yet in a worker
SUPPLY_SECONDS = 1.0  # the broker gets the tasks that workers claim in this time
CHUNK_SECONDS = 0.01  # seconds of work, of all workers together, that one message carries
SQS_CHUNK_SECONDS = 0.1  # the same for SQS, where a message takes ten times as long to send, and is paid for
SQS_MESSAGES = 16  # that are sent to SQS at once, about; also while the rate is not known yet
MAX_CHUNK = 100  # tasks
SMOOTHING = 0.3  # weight of the newest measurement of the rate


@dataclass
class Supply:
    """Decides how many tasks of a queue the broker should have: about as many as workers claim in SUPPLY_SECONDS."""

    rate: float = 0.0  # tasks per second that workers claim, smoothed
    window: int = MIN_WINDOW  # tasks that the broker should have at most
    sent: int = 0  # tasks, since the last measurement
    left: int = 0  # tasks that the broker had at the last measurement
    measured_at: float = field(default_factory=time.monotonic)
    relays: int = 1  # that send to this queue; each is assumed to send as much as this one

    def measure(self, left: int) -> None:
        """Note that the broker has `left` tasks."""
        seconds = time.monotonic() - self.measured_at
        if seconds >= FULL_INTERVAL / 2:
            self._measure(left, seconds)

    @property
    def room(self) -> int:
        """The number of tasks that the broker should get, in addition to those that it has."""
        return self.window - self.left - self.sent

    def _measure(self, left: int, seconds: float) -> None:
        claimed = max(0, self.left + self.sent * self.relays - left)
        self.rate += SMOOTHING * (claimed / seconds - self.rate)
        if left < self.window // 4 and claimed:  # workers may have waited
            self.window = min(MAX_WINDOW, 2 * self.window)
        else:
            self.window = max(MIN_WINDOW, min(self.window, int(2 * self.rate * SUPPLY_SECONDS)))
        self.sent, self.left, self.measured_at = 0, left, time.monotonic()


class Relay:
    """Sends to `broker` until the process `identity`, at the other end of `worker`, closes its socket."""

    def __init__(self, broker: Destination, identity: Identity, worker: socket.socket) -> None:
        self.broker, self.worker = broker, worker
        self.registration = RelayRegistration(identity)
        self.is_closed = False  # the worker's end
        self.receiver: socket.socket | None = None
        self.supplies: defaultdict[str, Supply] = defaultdict(Supply)  # by queue
        self.is_short = False  # more tasks wait in the database than the broker should have
        self.count_at = 0.0  # when to count next what the broker has, monotonic seconds
        self.lost = Periodic(LOST_INTERVAL, self._unmark_lost)
        self.heartbeat = Periodic(HEARTBEAT_INTERVAL, self.broker.check)
        self.renewal = Periodic(options.lease().total_seconds() / 3, self._record_success)
        self.relays = 1  # that send to the broker, this one included

    def run(self) -> None:
        """Run until the worker closes its socket, or the broker or the database does not answer."""
        try:
            self.heartbeat.run()
            while not self.is_closed:
                self._listen()
                self._send_all()  # at once: all else can wait until what was committed is on its way
                self.renewal.run()  # now: with SQS, only a message shows whether it answers
                self.heartbeat.run()
                self.lost.run()
                self._wait()
            self._send_all()
            self.registration.remove()
        except self.broker.errors as error:
            text = self.broker.describe(error)
            logger.error("%s; tasks wait", text)
            with contextlib.suppress(Error):
                self.registration.record_error(text)
        except Error as error:
            logger.error("the database does not answer the relay: %s", str(error).strip())

    def _send_all(self) -> None:
        """Send due tasks, up to the number that the broker should have.

        Count what it has only a moment later, unless that decides whether it gets more: the worker that claims these
        tasks now needs the processor and the database.
        """
        if not self.is_short:
            self._send_due()
        if self.is_short or time.monotonic() >= self.count_at:
            self._count_sent()
        if self.is_short:
            self._send_due()

    def _count_sent(self) -> None:
        left = sending.count_sent()
        for queue in {*left, *self.supplies}:
            self.supplies[queue].relays = self.relays
            self.supplies[queue].measure(left.get(queue, 0))
        self.count_at = time.monotonic() + POLL_INTERVAL

    def _send_due(self) -> None:
        is_last = False
        while not is_last:
            full = [queue for queue, supply in self.supplies.items() if supply.room <= 0]
            least = min((supply.room for supply in self.supplies.values() if supply.room > 0), default=MIN_WINDOW)
            sent = sending.mark_sent(BATCH, lambda queue: self.supplies[queue].room, full, least)
            self._publish(sent.keys, sent.counts)
            for queue, count in sent.counts.items():
                self.supplies[queue].sent += count
            if sent.counts:
                self.count_at = min(self.count_at, time.monotonic() + FULL_INTERVAL)
            is_last = sent.is_last
        self.is_short = any(supply.room <= 0 for supply in self.supplies.values())

    def _publish(self, tasks: dict[str, list[int]], queues: Iterable[str]) -> None:
        """Send the keys of tasks of these queues. If the broker does not take some, they wait again."""
        unsent = [key for keys in tasks.values() for key in keys]
        chunk = self._chunk(len(unsent), queues)
        try:
            for name, keys in tasks.items():
                for part in batched(keys, chunk):
                    self.broker.publish(name, part)
                    del unsent[: len(part)]
        except BaseException:
            with contextlib.suppress(Error):
                sending.unmark(unsent)
            raise

    def _chunk(self, count: int, queues: Iterable[str]) -> int:
        """Return how many of `count` tasks one message carries: fewer if workers take long for each."""
        rate = min((self.supplies[queue].rate for queue in queues), default=0.0)
        seconds, least = (SQS_CHUNK_SECONDS, count // SQS_MESSAGES) if self.broker.is_slow else (CHUNK_SECONDS, 1)
        return max(1, min(MAX_CHUNK, max(least, int(rate * seconds))))

    def _unmark_lost(self) -> None:
        if count := sending.unmark_lost():
            self.broker.forget_queues()
            logger.warning("%d tasks are sent to the broker again, since no worker has claimed them", count)
            self._send_all()

    def _record_success(self) -> None:
        self.registration.record_success()
        self.relays = max(1, relays().filter(failing_since__isnull=True).count())

    def _listen(self) -> None:
        if self.receiver is None:
            self.receiver = wakeup.listen(alias())

    def _wait(self) -> None:
        """Wait for a commit, a task that becomes due, room, or the end of the worker."""
        timeout = FULL_INTERVAL if self.is_short else max(0.0, min(POLL_INTERVAL, self.count_at - time.monotonic()))
        sources = [self.worker, *([self.receiver] if self.receiver else [])]
        readable, _, _ = select.select(sources, [], [], timeout)
        if self.receiver in readable and self.receiver:
            wakeup.receive_all(self.receiver)
        self.is_closed = self.worker in readable and not self.worker.recv(4096)


def run_relay(make_destination: MakeDestination, identity: Identity, worker: socket.socket) -> None:
    """Run a relay in this process for the process `identity`."""
    relay = Relay(make_destination(), identity, worker)
    try:
        relay.run()
    finally:
        connections.close_all()
