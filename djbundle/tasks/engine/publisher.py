"""Sends whole tasks to the broker from the processes that enqueue them, when their transaction has committed.

While the broker does not answer, the tasks get rows, which the relay sends later. So nothing waits. Tasks are lost only
if their process dies between the commit and the message.
"""

import logging
import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import batched
from typing import TYPE_CHECKING

from django.db import connections, transaction

from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks.engine import direct
from djbundle.tasks.engine.broker import Broker
from djbundle.tasks.store import wakeup
from djbundle.tasks.store.insert import insert_many

if TYPE_CHECKING:
    from djbundle.tasks.models import TaskRecord

logger = logging.getLogger("djbundle.tasks")

TIMEOUT = 1.0  # seconds that a request waits for each answer of the broker, once
PAUSE = 10.0  # seconds without an attempt after the broker has failed
TASKS_OF_MESSAGE = 20  # at most: all of them run again if their worker dies before the last has ended


class Batch:
    """The tasks of one transaction, or of one savepoint. Call it when that has committed."""

    def __init__(self, publisher: "Publisher", alias: str) -> None:
        self.publisher, self.alias = publisher, alias
        self.records: list[TaskRecord] = []

    def __call__(self) -> None:
        self.publisher.publish(self.records, self.alias)


class Publisher:
    """Publishes to the broker of `url`. Each thread of each process has a connection of its own."""

    def __init__(self, url: BrokerUrl) -> None:
        self.url = url
        self.retry_at = 0.0  # monotonic seconds; the broker is not asked before
        self._local = threading.local()

    def publish_on_commit(self, records: Sequence["TaskRecord"], alias: str) -> None:
        """Publish the tasks when the transaction commits; at once if there is none."""
        connection = connections[alias]
        if connection.in_atomic_block and connection.run_on_commit:
            savepoints, last, *_ = connection.run_on_commit[-1]
            if isinstance(last, Batch) and savepoints == {*connection.savepoint_ids}:
                last.records += records
                return
        batch = Batch(self, alias)
        batch.records += records
        transaction.on_commit(batch, using=alias)

    def publish(self, records: Sequence["TaskRecord"], alias: str) -> None:
        """Send the tasks. Those that the broker does not take get rows."""
        unsent = self._send(records) if time.monotonic() >= self.retry_at else records
        for record in unsent:
            record.pk = None
        if unsent:
            insert_many(unsent, alias)
            wakeup.send(alias)

    def _send(self, records: Sequence["TaskRecord"]) -> list["TaskRecord"]:
        """Send the tasks, and return those that the broker does not take."""
        broker = self._broker()
        parts = deque(_messages_of(records))
        try:
            while parts:
                broker.publish_tasks(parts[0][0].queue_name, [direct.packed(record) for record in parts[0]])
                parts.popleft()
        except broker.errors as error:
            self.retry_at = time.monotonic() + PAUSE
            self._local.__dict__.clear()
            logger.error("%s; tasks get rows for %.0f s", broker.describe(error), PAUSE)
        return [record for part in parts for record in part]

    def _broker(self) -> Broker:
        """Return the connection of this thread. A connection from before a fork belongs to the parent."""
        if getattr(self._local, "pid", 0) != os.getpid():
            self._local.pid, self._local.broker = os.getpid(), Broker(self.url, TIMEOUT, TIMEOUT)
        broker: Broker = self._local.broker
        return broker


def _messages_of(records: Sequence["TaskRecord"]) -> Iterator[tuple["TaskRecord", ...]]:
    """Yield the tasks of each message: of one queue, and not too many."""
    by_queue: defaultdict[str, list[TaskRecord]] = defaultdict(list)
    for record in records:
        by_queue[record.queue_name].append(record)
    for of_queue in by_queue.values():
        yield from batched(of_queue, TASKS_OF_MESSAGE)


@cache
def publisher_of(url: str) -> Publisher | None:
    """Return the publisher to this broker, one for each process; None if tasks get rows."""
    parsed = BrokerUrl.parse(url)
    return None if parsed.has_rows else Publisher(parsed)
