"""The process that receives keys from the broker, as many as its worker has room for, and passes them on.

The worker grants credit, a number in a line, and gets lines of keys. Without credit no message is taken, so that none
waits here while another worker is idle.
"""

import logging
import select
import socket
from collections.abc import Sequence

from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks.engine.broker import Broker, Receiving

logger = logging.getLogger("djbundle.tasks")

DRAIN_INTERVAL = 1.0  # seconds between checks of the worker while no message comes
LINGER = 0.005  # seconds to wait for more credit before the broker is asked to stop, which takes as long
HEARTBEAT_INTERVAL = 10.0  # seconds between heartbeats while it has no credit


class Receiver:
    """Receives from `queues`, and talks to the worker over `worker`."""

    def __init__(self, url: BrokerUrl, queues: Sequence[str], worker: socket.socket) -> None:
        self.url, self.queues, self.worker = url, queues, worker
        self.credit = 0
        self.message_size = 1  # keys in the last message
        self.is_closed = False  # the worker's end
        self._received = b""

    def run(self) -> None:
        """Run until the worker closes the socket, or the broker does not answer."""
        broker = Broker(self.url)
        try:
            with broker.consuming(self.queues, self.pass_on) as receiving:
                logger.info("tasks come from %s", self.url.masked)
                while self._receive(receiving):
                    pass
        except broker.errors as error:
            logger.error("the broker does not answer, trying again: %s", str(error).strip() or type(error).__name__)

    def pass_on(self, keys: list[int]) -> None:
        self.credit -= len(keys)
        if keys:
            self.message_size = len(keys)
            self.worker.sendall(b",".join(b"%d" % key for key in keys) + b"\n")

    def _receive(self, receiving: Receiving) -> bool:
        """Do one turn. Return False when the worker is gone."""
        if not self.has_credit(0.0 if self.credit > 0 else LINGER):
            receiving.stop(lambda: self.has_credit(0.0))
            receiving.check_heartbeat()
            return self.has_credit(HEARTBEAT_INTERVAL) or not self.is_closed
        receiving.limit(self.credit // self.message_size)
        receiving.start()
        receiving.drain(DRAIN_INTERVAL)
        receiving.check_heartbeat()
        return not self.is_closed

    def has_credit(self, seconds: float) -> bool:
        """Read what the worker has sent. Without credit wait for it, at most so long. Return whether there is any."""
        while select.select([self.worker], [], [], seconds if self.credit <= 0 else 0.0)[0]:
            data = self.worker.recv(4096)
            if not data:
                self.is_closed, self.credit = True, 0
                return False
            *lines, self._received = (self._received + data).split(b"\n")
            self.credit += sum(int(line) for line in lines)
        return self.credit > 0
