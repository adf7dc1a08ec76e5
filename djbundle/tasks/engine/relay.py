"""The process that sends the keys of due tasks to the broker, in batches, as soon as they are committed.

It keeps the broker supplied for about a second, and no more: what waits in the database can still be cancelled, paused
or overtaken. While the broker does not answer, tasks wait in the database.
"""

import contextlib
import logging
import select
import socket
import time
from dataclasses import dataclass, field

from django.db import Error, connections

from djbundle.common.broker_url import BrokerUrl
from djbundle.common.periodic import Periodic
from djbundle.tasks.engine import sending
from djbundle.tasks.engine.broker import Broker
from djbundle.tasks.store import wakeup
from djbundle.tasks.store.transitions import alias

logger = logging.getLogger("djbundle.tasks")

BATCH = 500  # tasks marked in one transaction
POLL_INTERVAL = 1.0  # seconds between looks for tasks that become due
FULL_INTERVAL = 0.02  # seconds between looks while the broker has enough
LOST_INTERVAL = 0.5  # seconds between searches for tasks to send again
MIN_WINDOW, MAX_WINDOW = 64, 20_000  # tasks that the broker has, and no worker yet
SUPPLY_SECONDS = 1.0  # for which the broker is supplied
CHUNK_SECONDS = 0.01  # of work of all workers together that one message carries
SQS_CHUNK_SECONDS = 0.1  # the same for SQS, where a message takes ten times as long to send, and is paid for
SQS_MESSAGES = 16  # about so many are sent to SQS at once, also while the rate is not known yet
MAX_CHUNK = 100  # tasks
SMOOTHING = 0.3  # weight of the newest measurement of the rate


@dataclass
class Supply:
    """Decides how many tasks the broker shall have: about as many as workers claim in SUPPLY_SECONDS."""

    rate: float = 0.0  # tasks per second that workers claim, smoothed
    window: int = MIN_WINDOW  # tasks that the broker shall have at most
    sent: int = 0  # tasks, since the last measurement
    left: int = 0  # tasks that the broker had at the last measurement
    measured_at: float = field(default_factory=time.monotonic)
    is_short: bool = False  # more tasks wait in the database than the broker shall have

    def room(self, left: int) -> int:
        """Return how many more tasks the broker shall have, if it has `left`."""
        seconds = time.monotonic() - self.measured_at
        if seconds >= FULL_INTERVAL / 2:
            self._measure(left, seconds)
        return self.window - left

    def _measure(self, left: int, seconds: float) -> None:
        claimed = max(0, self.left + self.sent - left)
        self.rate += SMOOTHING * (claimed / seconds - self.rate)
        if left < self.window // 4 and claimed:  # workers may have waited
            self.window = min(MAX_WINDOW, 2 * self.window)
        else:
            self.window = max(MIN_WINDOW, min(self.window, int(2 * self.rate * SUPPLY_SECONDS)))
        self.sent, self.left, self.measured_at = 0, left, time.monotonic()


class Relay:
    """Sends to the broker of `url` until the worker at the other end of `worker` is gone."""

    def __init__(self, url: BrokerUrl, worker: socket.socket) -> None:
        self.broker, self.worker = Broker(url), worker
        self.receiver: socket.socket | None = None
        self.is_slow = url.transport == "sqs"
        self.supply = Supply()
        self.lost = Periodic(LOST_INTERVAL, self._unmark_lost)

    def run(self) -> None:
        """Run until the worker closes its socket, or the broker or the database does not answer."""
        try:
            while not self._wait():
                self.lost.run()
                self._send_all()
        except self.broker.errors as error:
            logger.error("the broker does not answer, tasks wait: %s", str(error).strip() or type(error).__name__)
        except Error as error:
            logger.error("the database does not answer the relay: %s", str(error).strip())

    def _send_all(self) -> None:
        """Send what is due, as far as the broker shall have it."""
        self.supply.is_short = False
        while (room := self.supply.room(sending.count_sent(MAX_WINDOW))) > 0:
            limit = min(room, BATCH)
            tasks = sending.mark_sent(limit)
            count = sum(map(len, tasks.values()))
            self._publish(tasks)
            self.supply.sent += count
            if count < limit:
                return
        self.supply.is_short = True

    def _publish(self, tasks: dict[str, list[int]]) -> None:
        """Send the keys. If the broker does not take some, they wait again."""
        unsent = [key for keys in tasks.values() for key in keys]
        chunk = self._chunk(len(unsent))
        try:
            for name, keys in tasks.items():
                for begin in range(0, len(keys), chunk):
                    part = keys[begin : begin + chunk]
                    self.broker.publish(name, part)
                    del unsent[: len(part)]
        except BaseException:
            with contextlib.suppress(Error):
                sending.unmark(unsent)
            raise

    def _chunk(self, count: int) -> int:
        """Return how many of `count` tasks one message carries."""
        seconds, least = (SQS_CHUNK_SECONDS, count // SQS_MESSAGES) if self.is_slow else (CHUNK_SECONDS, 1)
        return max(1, min(MAX_CHUNK, max(least, int(self.supply.rate * seconds))))

    def _unmark_lost(self) -> None:
        if count := sending.unmark_lost():
            logger.warning("%d tasks are sent to the broker again, since no worker has claimed them", count)

    def _wait(self) -> bool:
        """Wait for a commit, a task that becomes due, or room. Return whether the worker is gone."""
        if self.receiver is None:
            self.receiver = wakeup.listen(alias())
        timeout = FULL_INTERVAL if self.supply.is_short else POLL_INTERVAL
        sources = [self.worker, *([self.receiver] if self.receiver else [])]
        readable, _, _ = select.select(sources, [], [], timeout)
        if self.receiver in readable and self.receiver:
            wakeup.receive_all(self.receiver)
        return self.worker in readable and not self.worker.recv(4096)


def run_relay(url: BrokerUrl, worker: socket.socket) -> None:
    """Run a relay in this process."""
    relay = Relay(url, worker)
    try:
        relay.run()
    finally:
        relay.broker.close()
        connections.close_all()
