"""Sends and receives keys of tasks over a message broker, by kombu.

A message is JSON, {"keys": [1, 2, 3]}, and says nothing else of a task. So a stranger who can write to the broker can
make a worker look for tasks, but cannot make it run anything.
"""

import contextlib
import importlib
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from djbundle.common.broker_url import BrokerUrl

CONNECT_TIMEOUT = 5.0  # seconds
HEARTBEAT = 30  # seconds; for brokers that have one
DRAIN_SECONDS = 1.1  # seconds in which a request for messages that is under way may still bring one
MAX_KEYS = 1000  # in a message that is accepted

TRANSPORTS = {"sqs": "djbundle.tasks.engine.sqs.transport:Transport"}  # that are not kombu's own

MAX_KEY = (1 << 63) - 1  # of a row; databases refuse a larger one with an error

OnKeys = Callable[[list[int]], object]


class Broker:
    """A connection to the broker. Every error that kombu knows of a broker is raised as one of `errors`."""

    def __init__(self, url: BrokerUrl) -> None:
        url.check_installed()
        kombu: Any = importlib.import_module("kombu")  # only a project with a broker has it; it has no types
        self.url = url
        self._kombu = kombu
        self._connection = kombu.Connection(
            url.url,
            transport=TRANSPORTS.get(url.transport),
            connect_timeout=CONNECT_TIMEOUT,
            heartbeat=HEARTBEAT if url.transport == "amqp" else None,
            transport_options=_transport_options(url),
        )
        self.errors: tuple[type[BaseException], ...] = (
            *self._connection.connection_errors,
            *self._connection.channel_errors,
            importlib.import_module("kombu.exceptions").OperationalError,
            OSError,
        )
        self._producer: Any = None
        self._declared: set[str] = set()

    def queue(self, name: str) -> Any:
        """Return the broker's queue for a queue of tasks."""
        full_name = f"{self.url.prefix}-{name}" if name else self.url.prefix
        return self._kombu.Queue(full_name, routing_key=full_name, durable=True)

    def publish(self, name: str, keys: Sequence[int]) -> None:
        """Send one message. Raise one of `errors` if the broker does not take it."""
        if self._producer is None:
            self._producer = self._kombu.Producer(self._connection.channel(), serializer="json", auto_declare=False)
        queue = self.queue(name)
        if name not in self._declared:
            queue.bind(self._producer.channel).declare()
            self._declared.add(name)
        self._producer.publish({"keys": list(keys)}, routing_key=queue.name, delivery_mode="transient")

    @contextlib.contextmanager
    def consuming(self, names: Sequence[str], on_keys: OnKeys) -> Iterator["Receiving"]:
        """Pass the keys of each message to `on_keys` while the returned object drains."""
        channel = self._connection.channel()
        queues = [self.queue(name) for name in names]
        consumer = self._kombu.Consumer(
            channel,
            queues,
            accept=["json"],
            no_ack=self.url.transport == "redis",  # else each message costs Redis five commands more
            on_message=lambda message: _accept(message, on_keys),
            prefetch_count=1,
        )
        try:
            yield Receiving(self._connection, consumer, has_batches=self.url.transport == "sqs")
        finally:
            with contextlib.suppress(*self.errors):
                consumer.cancel()

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._connection.release()


class Receiving:
    """Receives messages, and can stop for a while."""

    def __init__(self, connection: Any, consumer: Any, *, has_batches: bool) -> None:
        self._connection, self._consumer, self._has_batches = connection, consumer, has_batches
        self.is_active = False

    def limit(self, messages: int) -> None:
        """Let at most so many messages come at once, and at least one. Only SQS gives several."""
        if self._has_batches:
            self._consumer.qos(prefetch_count=max(1, messages))

    def start(self) -> None:
        if not self.is_active:
            self._consumer.consume()
            self.is_active = True

    def drain(self, seconds: float) -> None:
        """Handle what arrives within `seconds`, at least one message if there is one."""
        with contextlib.suppress(socket.timeout, TimeoutError):
            self._connection.drain_events(timeout=seconds)

    def check_heartbeat(self) -> None:
        if self._connection.supports_heartbeats:
            self._connection.heartbeat_check()

    def stop(self, may_go_on: Callable[[], bool]) -> None:
        """Ask for no more messages, and handle those that are under way. Return early once `may_go_on` is true."""
        if not self.is_active:
            return
        self._consumer.cancel()
        self.is_active = False
        end = time.monotonic() + DRAIN_SECONDS
        while not may_go_on() and time.monotonic() < end:
            self.drain(0.05)


def _accept(message: Any, on_keys: OnKeys) -> None:
    """Acknowledge a message, and pass on its keys. What is none of ours is dropped.

    The row is the record. If this process dies now, the message is sent again, since nobody claims the row.
    """
    if not message.acknowledged:
        message.ack()
    try:
        body = message.decode()
        keys = body["keys"] if isinstance(body, dict) else []
    except Exception:  # whatever a stranger has sent
        return
    if isinstance(keys, list) and len(keys) <= MAX_KEYS:
        on_keys([key for key in keys if type(key) is int and 0 < key <= MAX_KEY])


def _transport_options(url: BrokerUrl) -> dict[str, Any]:
    options: dict[str, Any] = {"socket_timeout": CONNECT_TIMEOUT * 6, "socket_connect_timeout": CONNECT_TIMEOUT}
    if url.transport == "amqp":
        options = {"confirm_publish": True, "max_retries": 0}
    return options | {name: _number(value) for name, value in url.options.items()}


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        return text
