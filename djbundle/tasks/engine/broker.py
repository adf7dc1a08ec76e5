"""Sends and receives keys of tasks over a message broker, by kombu.

A message is JSON, {"keys": [1, 2, 3]}, and says nothing else of a task. So a stranger who can write to the broker can
make a worker look for tasks, but cannot make it run anything.
"""

import contextlib
import importlib
import logging
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks.engine.tls import ssl_options

logger = logging.getLogger("djbundle.tasks")

CONNECT_TIMEOUT = 5.0  # seconds
HEARTBEAT = 10  # seconds; without one for twice as long, the connection is taken for dead. For RabbitMQ only
PUBLISH_TIMEOUT = 10.0  # seconds for the broker to confirm a message
RETENTION = 60.0  # seconds; RabbitMQ drops messages that nobody has taken by then, since they are sent again
DRAIN_SECONDS = 1.1  # seconds in which a request for messages that is under way may still bring one
MAX_STRANGE = 10_000  # messages in a row that are none; after more, the fault may be ours
MAX_KEYS = 1000  # in a message that is accepted

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
            connect_timeout=CONNECT_TIMEOUT,
            heartbeat=HEARTBEAT if url.transport == "amqp" else None,
            ssl=ssl_options(url),
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

    def connect(self) -> None:
        """Connect to the broker in order to send, unless that has been done. Raise one of `errors` if it fails."""
        if self._producer is None:
            self._producer = self._kombu.Producer(self._connection.channel(), serializer="json", auto_declare=False)

    def publish(self, name: str, keys: Sequence[int]) -> None:
        """Send one message. Raise one of `errors` if the broker does not take it."""
        self.connect()
        queue = self.queue(name)
        if name not in self._declared:
            queue.bind(self._producer.channel).declare()
            self._declared.add(name)
        self._producer.publish(
            {"keys": list(keys)},
            routing_key=queue.name,
            delivery_mode="transient",
            expiration=RETENTION,
            timeout=PUBLISH_TIMEOUT,
            confirm_timeout=PUBLISH_TIMEOUT,
        )

    def forget_queues(self) -> None:
        """Declare the queues again before the next message: somebody may have deleted them."""
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
        text = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, self._connection.channel_errors):
            return f"the broker refuses: {text}"
        return f"the broker does not answer: {text}"

    def consume(self, names: Sequence[str], on_keys: OnKeys) -> "Receiving":
        """Pass the keys of each message to `on_keys` while the returned object drains.

        It ends with the process. After an error, a good-bye to the broker might wait for its answer without end.
        """
        messages: Any = importlib.import_module("kombu.message")
        messages.decompress = refuse_compressed  # which is called before a message gets here
        channel = self._connection.channel()
        queues = [self.queue(name) for name in names]
        consumer = self._kombu.Consumer(
            channel,
            queues,
            accept=["json"],
            no_ack=self.url.transport == "redis",  # else each message costs Redis five commands more
            on_message=lambda message: _accept(message, on_keys),
            on_decode_error=lambda message, _error: _drop(message),
            prefetch_count=1,
        )
        return Receiving(self._connection, consumer, self.errors)

    def close(self) -> None:
        """Say good-bye to the broker. It may wait for the answer without end, so processes that end do not."""
        with contextlib.suppress(Exception):
            self._connection.release()


class Receiving:
    """Receives messages, and can stop for a while."""

    def __init__(self, connection: Any, consumer: Any, errors: tuple[type[BaseException], ...]) -> None:
        self._connection, self._consumer, self._errors = connection, consumer, errors
        self.is_active = False
        self.strange = 0  # messages in a row that kombu cannot read

    def start(self) -> None:
        if not self.is_active:
            self._consumer.consume()
            self.is_active = True

    def drain(self, seconds: float) -> None:
        """Handle what arrives within `seconds`, at least one message if there is one.

        Drop messages that kombu cannot read: Redis hands over anything that a stranger has put there.
        """
        try:
            self._connection.drain_events(timeout=seconds)
            self.strange = 0
        except TimeoutError:
            pass
        except self._errors:
            raise
        except Exception:
            self.strange += 1
            if self.strange == 1:
                logger.warning("a message in the broker is none of ours; it is dropped", exc_info=True)
            if self.strange > MAX_STRANGE:
                raise

    def stop(self, may_go_on: Callable[[], bool]) -> None:
        """Ask for no more messages, and handle those that are under way. Return early once `may_go_on` is true."""
        if not self.is_active:
            return
        self._consumer.cancel()
        self.is_active = False
        end = time.monotonic() + DRAIN_SECONDS
        while not may_go_on() and time.monotonic() < end:
            self.drain(0.05)


def refuse_compressed(_body: Any, _algorithm: Any) -> Any:
    """Take the place of kombu's function. We send nothing compressed, and 2 MB of a stranger may become 4 GB."""
    raise ValueError("a compressed message is none of ours")


def _drop(message: Any) -> None:
    if not message.acknowledged:
        message.ack()


def _accept(message: Any, on_keys: OnKeys) -> None:
    """Acknowledge a message, and pass on its keys, if it has any.

    The row is the record. If this process dies now, the message is sent again, since nobody claims the row.
    """
    _drop(message)
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
