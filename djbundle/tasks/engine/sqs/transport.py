"""The virtual transport that kombu calls. Its messages come from the pollers."""

import json
from collections import defaultdict
from typing import Any

from kombu.transport import virtual

from djbundle.tasks.engine.sqs.client import MAX_MESSAGES, SqsClient, SqsError
from djbundle.tasks.engine.sqs.poller import Pollers


class Channel(virtual.Channel):  # type: ignore[misc] # kombu has no types
    """Sends messages, and acknowledges them in batches.

    A message is deleted some milliseconds after it was acknowledged, together with all others of the same request.
    """

    do_restore = False  # SQS delivers unacknowledged messages again by itself
    client: SqsClient
    pollers: Pollers
    _acknowledged: defaultdict[str, list[str]]  # receipts by queue

    def __init__(self, connection: Any, **options: Any) -> None:
        super().__init__(connection, **options)
        self.client = connection.sqs
        self.pollers = Pollers(self.client, self._room)
        self._acknowledged = defaultdict(list)

    def _room(self) -> int:
        """Return how many more messages the consumer wants at once."""
        room: int | None = self.qos.can_consume_max_estimate()
        return MAX_MESSAGES if room is None else room

    def _new_queue(self, queue: str, **_options: Any) -> None:
        self.client.queue_url(queue)

    def _put(self, queue: str, message: dict[str, Any], **_options: Any) -> None:
        self.client.send(queue, json.dumps(message, separators=(",", ":")))

    def basic_consume(self, queue: str, *arguments: Any, **options: Any) -> None:
        super().basic_consume(queue, *arguments, **options)
        self.pollers.activate(queue)

    def basic_cancel(self, consumer_tag: str) -> None:
        if queue := self._tag_to_queue.get(consumer_tag):
            self.pollers.deactivate(queue)
        super().basic_cancel(consumer_tag)

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        self._acknowledged[self._queue_of(delivery_tag)].append(delivery_tag)
        super().basic_ack(delivery_tag, multiple)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if requeue:
            self.client.release(self._queue_of(delivery_tag), [delivery_tag])
            super().basic_ack(delivery_tag)
        else:
            self.basic_ack(delivery_tag)

    def _queue_of(self, delivery_tag: str) -> str:
        return str(self.qos.get(delivery_tag).delivery_info["queue"])

    def deliver(self, timeout: float | None) -> None:
        """Hand the messages of one request to their consumer. Raise TimeoutError if none come."""
        self.delete_acknowledged()
        queue, messages = self.pollers.take(timeout)
        for message in messages:
            payload, consume = self._parse(queue, message), self.connection._callbacks.get(queue)
            if payload is None:
                self._acknowledged[queue].append(message["ReceiptHandle"])
            elif consume is None:  # the message before has ended the consumer
                self.client.release(queue, [message["ReceiptHandle"]])
            else:
                consume(payload)
        self.delete_acknowledged()

    def delete_acknowledged(self) -> None:
        """Delete what was acknowledged, as many in one request as SQS permits."""
        while self._acknowledged:
            self.client.delete(*self._acknowledged.popitem())
        self.pollers.notify()

    def _parse(self, queue: str, message: dict[str, Any]) -> dict[str, Any] | None:
        """Return a message as kombu wants it, or None if it is not one of kombu's."""
        try:
            payload: dict[str, Any] = json.loads(message["Body"])
            payload["properties"] |= {"delivery_tag": message["ReceiptHandle"], "delivery_info": {"queue": queue}}
            self.Message(payload, channel=self)  # whether kombu can read it
        except Exception:  # a stranger may have sent anything
            return None
        return payload

    def close(self) -> None:
        if not self.closed:
            self.pollers.stop()
            self.delete_acknowledged()
        super().close()


class Transport(virtual.Transport):  # type: ignore[misc] # kombu has no types
    """Amazon SQS. The transport options are those of the URL, see docs/tasks.md."""

    Channel = Channel
    driver_type = driver_name = "sqs"
    connection_errors = (*virtual.Transport.connection_errors, SqsError)

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(client, **options)
        self.sqs = SqsClient(client.userid, client.password, client.hostname, client.port, client.transport_options)

    def drain_events(self, _connection: Any, timeout: float | None = None) -> None:
        """Deliver the messages of one request. Raise TimeoutError if none come. One channel may have consumers."""
        channel = next((each for each in self.channels if each._consumers), self.channels[0])
        channel.deliver(timeout)
