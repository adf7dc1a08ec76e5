"""Sends and receives messages over a broker, by kombu. messages.py says what a message is."""

import contextlib
import importlib
import logging
import socket
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks.engine import messages
from djbundle.tasks.engine.consumer import Consumer
from djbundle.tasks.engine.tls import ssl_options
from djbundle.tasks.engine.transport_options import transport_options
from djbundle.tasks.text import one_line

logger = logging.getLogger("djbundle.tasks")

CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 30.0  # seconds
HEARTBEAT = 10  # seconds; without one for twice as long, the connection counts as dead. For RabbitMQ only
PUBLISH_TIMEOUT = 10.0  # seconds for the broker to confirm a message
RETENTION = 60.0  # seconds; RabbitMQ drops messages that no worker has taken by then, since they are sent again

TRANSPORTS = {"sqs": "djbundle.tasks.engine.sqs.transport:Transport"}  # that are not kombu's own


OnTasks = Callable[[Any], object]  # gets kombu's message


class Broker:
    """A connection to the broker. Every error that kombu knows of a broker is raised as one of `errors`."""

    def __init__(self, url: BrokerUrl, timeout: float = CONNECT_TIMEOUT, read_timeout: float = READ_TIMEOUT) -> None:
        """Connect when it is needed. `timeout` and `read_timeout` are seconds for a connection and for an answer."""
        url.check_installed()
        kombu: Any = importlib.import_module("kombu")  # only a project with a broker has it; it has no types
        self.url, self.timeout = url, timeout
        self.is_slow = url.transport == "sqs"
        self._kombu = kombu
        self._connection = kombu.Connection(
            url.url,
            transport=TRANSPORTS.get(url.transport),
            connect_timeout=timeout,
            heartbeat=HEARTBEAT if url.transport == "amqp" else None,
            ssl=ssl_options(url),
            transport_options=transport_options(url, timeout, read_timeout),
        )
        self.errors: tuple[type[BaseException], ...] = (
            *self._connection.connection_errors,
            *self._connection.channel_errors,
            importlib.import_module("kombu.exceptions").OperationalError,
            OSError,
        )
        self._producer: Any = None
        self._declared: set[str] = set()

    def queue(self, name: str, *, of_tasks: bool = False) -> Any:
        """Return the broker's queue for a queue of tasks: for their keys, or for whole tasks."""
        full_name = self.url.queue_of_tasks(name) if of_tasks else self.url.queue_of_keys(name)
        return self._kombu.Queue(full_name, routing_key=full_name, durable=True)

    def connect(self) -> None:
        """Connect to the broker in order to send, unless it is connected. Raise one of `errors` if it fails."""
        if self._producer is None:
            self._producer = self._kombu.Producer(self._channel(), serializer="json", auto_declare=False)

    def publish(self, name: str, keys: Sequence[int]) -> None:
        """Send one message. Raise one of `errors` if the broker does not take it."""
        options = {"delivery_mode": "transient", "expiration": RETENTION}
        self._publish(self.queue(name), {"keys": list(keys)}, PUBLISH_TIMEOUT, options)

    def publish_tasks(self, name: str, tasks: Sequence[dict[str, Any]]) -> None:
        """Send one message with whole tasks. Raise one of `errors` if the broker does not take it."""
        self._publish(self.queue(name, of_tasks=True), {"tasks": list(tasks)}, self.timeout, {})

    def _publish(self, queue: Any, body: dict[str, Any], timeout: float, options: dict[str, Any]) -> None:
        self.connect()
        if queue.name not in self._declared:
            queue.bind(self._producer.channel).declare()
            self._declared.add(queue.name)
        self._producer.publish(body, routing_key=queue.name, timeout=timeout, confirm_timeout=timeout, **options)

    def forget_queues(self) -> None:
        """Declare the queues again before the next message: they may have been deleted."""
        self._declared.clear()

    def check_heartbeat(self) -> None:
        """Answer the broker's heartbeats. Raise one of `errors` if it sends none. Call it every few seconds."""
        if self._connection.connected and self._connection.supports_heartbeats:
            with contextlib.suppress(socket.timeout, TimeoutError):
                self._connection.drain_events(timeout=0.001)
            self._connection.heartbeat_check()

    def check(self) -> None:
        """Raise one of `errors` unless the broker answers. Call it every few seconds in a process that sends."""
        self.connect()
        self.check_heartbeat()
        if self.url.transport == "redis":  # which has no heartbeats
            self._producer.channel.client.ping()

    def describe(self, error: BaseException) -> str:
        """Return a line about one of `errors`."""
        text = one_line(str(error)).rstrip(".") or type(error).__name__
        is_wrong_password = type(error).__name__ == "AuthenticationError"  # of redis-py: its ConnectionError
        if is_wrong_password or isinstance(error, self._connection.channel_errors):
            return f"the broker refuses: {text}"
        return f"the broker does not answer: {text}"

    def consume(self, names: Sequence[str], on_keys: messages.OnKeys, on_tasks: OnTasks | None = None) -> Consumer:
        """Pass the keys of each message to `on_keys` while the returned object drains.

        Pass each message with whole tasks to `on_tasks`, which acknowledges it at any time later.

        The connection ends with the process. After an error, closing it might wait for the broker's answer forever.
        """
        kombu_messages: Any = importlib.import_module("kombu.message")
        kombu_messages.decompress = messages.refuse_compressed  # which is called before a message gets here
        consumer = self._consumer(
            [self.queue(name) for name in names],
            lambda message: messages.accept(message, on_keys),
            no_ack=self.url.transport == "redis",  # else each message costs Redis five commands more
        )
        of_tasks = on_tasks and self._consumer([self.queue(name, of_tasks=True) for name in names], on_tasks)
        receiving = Consumer(self._connection, consumer, of_tasks, self.errors, has_batches=self.url.transport == "sqs")
        if of_tasks and self.url.transport == "redis":
            receiving.deliver_again = partial(of_tasks.channel.qos.restore_visible, num=None, interval=1)
        return receiving

    def _channel(self) -> Any:
        channel = self._connection.channel()
        if self.url.transport == "redis":  # kombu makes a client for each command, which takes longer than the command
            channel._create_client = cache(channel._create_client)
        return channel

    def _consumer(self, queues: Sequence[Any], on_message: OnTasks, *, no_ack: bool = False) -> Any:
        return self._kombu.Consumer(
            self._channel(),
            queues,
            accept=["json"],
            no_ack=no_ack,
            on_message=on_message,
            on_decode_error=lambda message, _error: messages.acknowledge(message),
            prefetch_count=1,
        )

    def close(self) -> None:
        """Close the connection. It may wait for the broker's answer forever: a process that ends does not call it."""
        with contextlib.suppress(Exception):
            self._connection.release()
