"""Measures messages over a broker: those with keys as the relay sends them, and those that carry a task."""

import contextlib
import importlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ci.model.costs import BrokerCosts, Cost
from ci.model.measuring.meter import Seconds, best, cost_between, cost_of_one, timed
from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks.engine.broker import Broker
from djbundle.tasks.engine.supply import MAX_CHUNK

MESSAGES, ROUNDS = 100, 40  # messages in a round, of which the best counts
FIRST_KEY = 1_000_000_000  # keys of an old table are long
TASK = {"task": "shop.orders.tasks.send_confirmation", "args": [FIRST_KEY], "id": "0" * 32, "options": {"attempts": 5}}
CONFIRM = {"confirm_publish": True}  # as engine/broker.py

Pids = Callable[[], Iterable[int]]


def measure_broker(url: str, server: Pids) -> BrokerCosts:
    """Return the costs of the broker at `url`. `server` returns its processes."""
    few, many = (_measure_keys(BrokerUrl.parse(url), size, server) for size in (1, MAX_CHUNK))
    send, receive = (cost_between((1, small), (MAX_CHUNK, large)) for small, large in zip(few, many, strict=True))
    return BrokerCosts(send, receive, *_measure_tasks(url, server))


def _measure_keys(url: BrokerUrl, size: int, server: Pids) -> tuple[Seconds, Seconds]:
    """Return the seconds of sending and of receiving a message with so many keys."""
    broker = Broker(url)
    keys = [*range(FIRST_KEY, FIRST_KEY + size)]
    broker.publish("keys", keys)
    send = best([timed([lambda: broker.publish("keys", keys)] * MESSAGES, server) for _ in range(ROUNDS)])
    received = 0

    def add(message: list[int]) -> None:
        nonlocal received
        received += len(message)

    def receive(messages: int) -> None:
        wanted = received + messages * size
        while received < wanted:
            receiving.drain(1.0)

    receiving = broker.consume(["keys"], add)
    receiving.start()
    receive(1)
    rounds = [timed([lambda: receive(MESSAGES)], server) / MESSAGES for _ in range(ROUNDS)]
    broker.close()
    return send, best(rounds)


def _measure_tasks(url: str, server: Pids) -> tuple[Cost, Cost, Cost]:
    """Return the costs of sending, of receiving and of acknowledging a message that carries a task.

    What the broker does for an acknowledgement counts for the receipt: RabbitMQ then sends more.
    """
    kombu: Any = importlib.import_module("kombu")  # it has no types
    with kombu.Connection(url, transport_options=CONFIRM if url.startswith("amqp") else {}) as connection:
        queue = kombu.Queue("direct", routing_key="direct", durable=True)
        channel = connection.channel()
        queue.bind(channel).declare()
        producer = kombu.Producer(channel, serializer="json", auto_declare=False)
        publish = lambda: producer.publish(TASK, routing_key="direct")  # noqa: E731
        send = best([timed([publish] * MESSAGES, server) for _ in range(ROUNDS)])
        messages: list[Any] = []
        consumer = kombu.Consumer(
            connection.channel(), [queue], accept=["json"], on_message=messages.append, prefetch_count=MESSAGES
        )
        consumer.consume()
        receipts, ends = [], []
        for _ in range(ROUNDS):
            receipt = timed([lambda: _receive(connection, messages)], server) / MESSAGES
            end = timed([lambda: _acknowledge(messages)], server) / MESSAGES
            receipts.append(replace(receipt, server=receipt.server + end.server))
            ends.append(replace(end, server=0.0))
            messages.clear()
        consumer.cancel()
    return cost_of_one(send), cost_of_one(best(receipts)), cost_of_one(best(ends))


def _receive(connection: Any, messages: list[Any]) -> None:
    while len(messages) < MESSAGES:
        with contextlib.suppress(TimeoutError):
            connection.drain_events(timeout=1.0)
    for message in messages:
        json.loads(message.body)


def _acknowledge(messages: list[Any]) -> None:
    for message in messages:
        message.ack()
