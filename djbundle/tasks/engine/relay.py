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
from itertools import batched

from django.db import Error, connections

from djbundle.common.periodic import Periodic
from djbundle.tasks import options
from djbundle.tasks.engine import sending
from djbundle.tasks.engine.destination import Destination, MakeDestination
from djbundle.tasks.engine.relay_registry import RelayRegistration, relays
from djbundle.tasks.engine.supply import FULL_INTERVAL, MIN_WINDOW, Supply, keys_in_message
from djbundle.tasks.store import wakeup
from djbundle.tasks.store.transitions import alias
from djbundle.tasks.store.worker_identity import Identity

logger = logging.getLogger("djbundle.tasks")

BATCH = 500  # tasks marked in one transaction
POLL_INTERVAL = 1.0  # seconds between searches for tasks that become due
HEARTBEAT_INTERVAL = 3.0  # seconds between checks of the broker's heartbeats
LOST_INTERVAL = 0.5  # seconds between searches for tasks to send again


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
        return keys_in_message(rate, count, is_slow=self.broker.is_slow)

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
