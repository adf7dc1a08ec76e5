"""The process that receives keys from the broker, as many as its worker has room for, and passes them on.

The worker grants credit, a number in a line, and gets lines of keys. Without credit no message is taken, so that none
waits here while another worker is idle.

In direct mode it also gets whole tasks, a message in each line, and acknowledges a message when the worker says so.
"""

import json
import logging
import select
import socket
from collections.abc import Sequence
from typing import Any

from djbundle.common.broker_url import BrokerUrl
from djbundle.common.periodic import Periodic
from djbundle.tasks.engine.broker import Broker
from djbundle.tasks.engine.consumer import Consumer
from djbundle.tasks.engine.messages import is_redelivered, tasks_of

logger = logging.getLogger("djbundle.tasks")

DRAIN_INTERVAL = 1.0  # seconds between checks of the worker while no message comes
ACKNOWLEDGE = b"a"  # begins a line of the worker; the number of a message follows
STOP = b"stop"  # a line of the worker: take no more messages, and wait for acknowledgements
TASKS = b"t"  # begins a line with a message, see pass_on_tasks()
LINGER = 0.005  # seconds to wait for more credit before the broker is asked to stop, which takes as long
HEARTBEAT_INTERVAL = 3.0  # seconds between checks of the broker's heartbeats
REDELIVERY_INTERVAL = 3.0  # seconds between searches for messages of dead workers


class Receiver:
    """Receives from `queues`, and talks to the worker over `worker`."""

    def __init__(self, url: BrokerUrl, queues: Sequence[str], worker: socket.socket) -> None:
        self.url, self.queues, self.worker = url, queues, worker
        self.credit = 0
        self.is_stopping = False
        self.messages: dict[int, Any] = {}  # with whole tasks, not acknowledged, by number
        self.total = 0  # messages with whole tasks, ever
        self.message_size = 1  # keys in the last message
        self.is_closed = False  # the worker's end
        self._received = b""

    def run(self) -> None:
        """Run until the worker closes the socket, or the broker does not answer."""
        broker = Broker(self.url)
        self.heartbeat = Periodic(HEARTBEAT_INTERVAL, broker.check_heartbeat)
        try:
            consumer = broker.consume(self.queues, self.pass_on, None if self.url.has_rows else self.pass_on_tasks)
            self.redelivery = Periodic(REDELIVERY_INTERVAL, consumer.deliver_again)
            logger.info("tasks come from %s", self.url.masked)
            while self._receive(consumer):
                pass
        except broker.errors as error:
            logger.error("%s; trying again", broker.describe(error))

    def pass_on(self, keys: list[int]) -> None:
        self.credit -= len(keys)
        if keys:
            self.message_size = len(keys)
            self.worker.sendall(b",".join(b"%d" % key for key in keys) + b"\n")

    def pass_on_tasks(self, message: Any) -> None:
        """Pass on whole tasks: the number of the message, whether it was delivered before, and the tasks as JSON."""
        tasks = tasks_of(message)
        if not tasks:
            message.ack()
            return
        self.total += 1
        self.messages[self.total] = message
        self.credit -= len(tasks)
        head = b"%s%d %d " % (TASKS, self.total, is_redelivered(message))
        self.worker.sendall(head + json.dumps(tasks, separators=(",", ":")).encode() + b"\n")

    def _receive(self, consumer: Consumer) -> bool:
        """Do one turn. Return False when the worker is gone."""
        if not self.has_credit(0.0 if self.credit > 0 else LINGER):
            consumer.stop(lambda: self.has_credit(0.0))
            self.heartbeat.run()
            return self.has_credit(HEARTBEAT_INTERVAL) or not self.is_closed
        consumer.allow_unacknowledged(self.credit + len(self.messages))
        consumer.limit(self.credit // self.message_size)
        consumer.start()
        consumer.drain(DRAIN_INTERVAL)
        self.heartbeat.run()
        self.redelivery.run()
        return not self.is_closed

    def has_credit(self, seconds: float) -> bool:
        """Read what the worker has sent. Without credit, wait up to `seconds` for it. Return whether there is any."""
        while select.select([self.worker], [], [], seconds if self.credit <= 0 or self.is_stopping else 0.0)[0]:
            data = self.worker.recv(4096)
            if not data:
                self.is_closed, self.credit = True, 0
                return False
            *lines, self._received = (self._received + data).split(b"\n")
            for line in lines:
                self._handle(line)
        return self.credit > 0 and not self.is_stopping

    def _handle(self, line: bytes) -> None:
        if line.startswith(ACKNOWLEDGE):
            self.messages.pop(int(line.removeprefix(ACKNOWLEDGE))).ack()
        elif line == STOP:
            self.is_stopping = True
        else:
            self.credit += int(line)
