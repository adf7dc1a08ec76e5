"""Receives the messages of some queues of the broker."""

import logging
import time
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("djbundle.tasks")

DRAIN_SECONDS = 1.1  # seconds in which a pending request for messages may still return one
MAX_UNREADABLE = 10_000  # unreadable messages in a row; after more, the fault may be ours


class Consumer:
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
        self.unreadable = 0  # messages in a row that kombu cannot read
        # Redelivers messages that dead workers have not acknowledged. Call it every few seconds: a broker may not
        # redeliver by itself, and kombu does so only in a pause without events. There may be no such pause for minutes.
        self.deliver_again: Callable[[], object] = lambda: None

    def limit(self, messages: int) -> None:
        """Let at most `messages` messages come at once, and at least one. Only SQS delivers several."""
        if self._has_batches:
            self._consumers[0].qos(prefetch_count=max(1, messages))

    def start(self) -> None:
        if not self.is_active:
            for consumer in self._consumers:
                consumer.consume()
            self.is_active = True

    def allow_unacknowledged(self, messages: int) -> None:
        """Let the broker deliver about `messages` messages with whole tasks before one of them is acknowledged."""
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
            self.unreadable = 0
        except TimeoutError:
            pass
        except self._errors:
            raise
        except Exception:
            self.unreadable += 1
            if self.unreadable == 1:
                logger.warning("dropping a message in the broker that djbundle did not send", exc_info=True)
            if self.unreadable > MAX_UNREADABLE:
                raise

    def stop(self, may_go_on: Callable[[], bool]) -> None:
        """Ask for no more messages, and handle those in flight. Return early once `may_go_on` is true."""
        if not self.is_active:
            return
        for consumer in self._consumers:
            consumer.cancel()
        self.is_active = False
        end = time.monotonic() + DRAIN_SECONDS
        while not may_go_on() and time.monotonic() < end:
            self.drain(0.05)
