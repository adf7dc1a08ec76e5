"""Sends and receives messages over a broker, by kombu.

A message is JSON, {"keys": [1, 2, 3]}, and says nothing else of a task. So a stranger who can write to the broker can
make a worker look for tasks, but cannot make it run anything else. Only in direct mode a message carries whole tasks,
{"tasks": [...]}, see direct.py.
"""

import contextlib
import importlib
import logging
import socket
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks.engine.tls import ssl_options

logger = logging.getLogger("djbundle.tasks")

CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 30.0  # seconds
HEARTBEAT = 10  # seconds; without one for twice as long, the connection is taken for dead. For RabbitMQ only
PUBLISH_TIMEOUT = 10.0  # seconds for the broker to confirm a message
VISIBILITY_TIMEOUT = 120  # seconds after which a message that is not acknowledged may be delivered again
MUTEX_SECONDS = 10  # for which a worker that dies while it looks for such messages keeps the others from it
RETENTION = 60.0  # seconds; RabbitMQ drops messages that nobody has taken by then, since they are sent again
DRAIN_SECONDS = 1.1  # seconds in which a request for messages that is under way may still bring one
MAX_STRANGE = 10_000  # messages in a row that are none; after more, the fault may be ours
MAX_KEYS = 1000  # in a message that is accepted

TRANSPORTS = {"sqs": "djbundle.tasks.engine.sqs.transport:Transport"}  # that are not kombu's own

MAX_KEY = (1 << 63) - 1  # of a row; databases refuse a larger one with an error

OnKeys = Callable[[list[int]], object]
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
            transport_options=_transport_options(url, timeout, read_timeout),
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
        """Connect to the broker in order to send, unless that has been done. Raise one of `errors` if it fails."""
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

    def consume(self, names: Sequence[str], on_keys: OnKeys, on_tasks: OnTasks | None = None) -> "Receiving":
        """Pass the keys of each message to `on_keys` while the returned object drains.

        Pass each message with whole tasks to `on_tasks`, which acknowledges it at any time later.

        It ends with the process. After an error, a good-bye to the broker might wait for its answer without end.
        """
        messages: Any = importlib.import_module("kombu.message")
        messages.decompress = refuse_compressed  # which is called before a message gets here
        consumer = self._consumer(
            [self.queue(name) for name in names],
            lambda message: _accept(message, on_keys),
            no_ack=self.url.transport == "redis",  # else each message costs Redis five commands more
        )
        of_tasks = on_tasks and self._consumer([self.queue(name, of_tasks=True) for name in names], on_tasks)
        receiving = Receiving(
            self._connection, consumer, of_tasks, self.errors, has_batches=self.url.transport == "sqs"
        )
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
            on_decode_error=lambda message, _error: _drop(message),
            prefetch_count=1,
        )

    def close(self) -> None:
        """Say good-bye to the broker. It may wait for the answer without end, so processes that end do not."""
        with contextlib.suppress(Exception):
            self._connection.release()


class Receiving:
    """Receives messages, and can stop for a while."""

    def __init__(
        self,
        connection: Any,
        consumer: Any,
        of_tasks: Any,
        errors: tuple[type[BaseException], ...],
        *,
        has_batches: bool,
    ) -> None:
        self._connection, self._errors, self._has_batches = connection, errors, has_batches
        self._of_tasks = of_tasks  # the consumer of whole tasks, or None
        self._consumers = [each for each in (consumer, of_tasks) if each]
        self._prefetch = 1  # messages with whole tasks that the broker hands over before one is acknowledged
        self.is_active = False
        self.strange = 0  # messages in a row that kombu cannot read
        # Delivers again what workers that are gone have not acknowledged. Call it every few seconds: where the broker
        # does not do so itself, kombu does only after a pause without any event, and there may be none for minutes.
        self.deliver_again: Callable[[], object] = lambda: None

    def limit(self, messages: int) -> None:
        """Let at most so many messages come at once, and at least one. Only SQS gives several."""
        if self._has_batches:
            self._consumers[0].qos(prefetch_count=max(1, messages))

    def start(self) -> None:
        if not self.is_active:
            for consumer in self._consumers:
                consumer.consume()
            self.is_active = True

    def allow_unacknowledged(self, messages: int) -> None:
        """Let the broker hand over about so many messages with whole tasks before one of them is acknowledged."""
        messages = max(1, messages)
        if self._of_tasks and not self._prefetch / 2 < messages <= self._prefetch:
            self._of_tasks.qos(prefetch_count=messages, apply_global=True)
            self._prefetch = messages

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
        for consumer in self._consumers:
            consumer.cancel()
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


def tasks_of(message: Any) -> list[Any]:
    """Return the tasks of a message; none if a stranger has sent something else."""
    try:
        tasks = message.decode()["tasks"]
    except Exception:
        return []
    return tasks if isinstance(tasks, list) and len(tasks) <= MAX_KEYS else []


def is_redelivered(message: Any) -> bool:
    """Return whether the message was delivered before, to a worker that may be gone."""
    return bool(message.delivery_info.get("redelivered"))


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


def _transport_options(url: BrokerUrl, timeout: float, read_timeout: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "socket_timeout": read_timeout,
        "socket_connect_timeout": timeout,
        "visibility_timeout": visibility_timeout(url),
        "unacked_key": f"{url.prefix}:unacked",  # several projects may share a database of Redis
        "unacked_index_key": f"{url.prefix}:unacked_index",
        "unacked_mutex_key": f"{url.prefix}:unacked_mutex",
        "unacked_mutex_expire": MUTEX_SECONDS,
    }
    if url.transport == "amqp":
        options = {"confirm_publish": True, "max_retries": 0}
    return options | {name: _number(value) for name, value in url.options.items() if name != "visibility_timeout"}


def visibility_timeout(url: BrokerUrl) -> float:
    """Return the seconds after which a message that is not acknowledged may be delivered again."""
    return float(_number(url.options.get("visibility_timeout", ""), VISIBILITY_TIMEOUT))


def _number(text: str, default: Any = None) -> Any:
    try:
        return int(text)
    except ValueError:
        return text if default is None else default
