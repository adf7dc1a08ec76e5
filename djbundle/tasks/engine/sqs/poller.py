"""Threads that poll SQS, one for each queue, so that an empty queue does not hold up the others.

A request for messages waits for up to 20 seconds, and cannot be cancelled. So a poller may get messages when its worker
has no room left. It holds them for a moment, since the worker mostly has room again soon. Then it lets other workers
have them.
"""

import threading
from collections.abc import Callable
from typing import Any

from djbundle.tasks.engine.sqs.client import MAX_MESSAGES, SqsClient

HOLD_SECONDS = 0.2  # for which messages wait for room in the worker

Messages = list[dict[str, Any]]


class Poller(threading.Thread):
    """Polls one queue while it is active. `room` says how many messages are wanted at most."""

    def __init__(self, client: SqsClient, queue: str, room: Callable[[], int], condition: threading.Condition) -> None:
        super().__init__(name=f"poller of {queue}", daemon=True)
        self.client, self.queue, self.room, self.condition = client, queue, room, condition
        self.is_active = self.is_stopped = False
        self.offered: Messages = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while maximum := self._wait_for_room():
                if unwanted := self._offer(self.client.receive(self.queue, maximum)):
                    self.client.release(self.queue, [message["ReceiptHandle"] for message in unwanted])
        except BaseException as error:  # the thread that takes messages raises it
            with self.condition:
                self.error = error
                self.condition.notify_all()

    def _wait_for_room(self) -> int:
        """Return how many messages are wanted, as soon as there are any; 0 if it was stopped."""
        with self.condition:
            self.condition.wait_for(lambda: self.is_stopped or (self.is_active and self.room() > 0))
            return 0 if self.is_stopped else max(1, min(self.room(), MAX_MESSAGES))

    def _offer(self, messages: Messages) -> Messages:
        """Wait until the messages are taken. Return those that were not taken."""
        with self.condition:
            self.offered = messages
            self.condition.notify_all()
            while self.offered:
                is_taken = self.condition.wait_for(lambda: not self.offered, HOLD_SECONDS)
                if not is_taken and not self.is_active:
                    break
            unwanted, self.offered = self.offered, []
        return unwanted


class Pollers:
    """The pollers of a channel. `room` says how many messages are wanted at most."""

    def __init__(self, client: SqsClient, room: Callable[[], int]) -> None:
        self._client, self._room = client, room
        self._condition = threading.Condition()
        self._pollers: list[Poller] = []  # the one that was not served for the longest time comes first

    def activate(self, queue: str) -> None:
        """Poll this queue from now on."""
        with self._condition:
            poller = next((each for each in self._pollers if each.queue == queue), None)
            if poller is None:
                poller = Poller(self._client, queue, self._room, self._condition)
                self._pollers.append(poller)
                poller.start()
            poller.is_active = True
            self._condition.notify_all()

    def deactivate(self, queue: str) -> None:
        with self._condition:
            for poller in self._pollers:
                poller.is_active = poller.is_active and poller.queue != queue

    def notify(self) -> None:
        """Tell the pollers that there may be room again."""
        with self._condition:
            self._condition.notify_all()

    def take(self, timeout: float | None) -> tuple[str, Messages]:
        """Return a queue and messages from it. Raise what a poller has raised, or TimeoutError."""
        with self._condition:
            poller = self._condition.wait_for(self._next, timeout)
            if not poller:
                raise TimeoutError
            if poller.error:
                raise poller.error
            self._pollers.remove(poller)
            self._pollers.append(poller)
            messages, poller.offered = poller.offered, []
            self._condition.notify_all()
        return poller.queue, messages

    def _next(self) -> Poller | None:
        return next((each for each in self._pollers if each.error or (each.is_active and each.offered)), None)

    def stop(self) -> None:
        """Let the threads end, without waiting for requests that are under way."""
        with self._condition:
            for poller in self._pollers:
                poller.is_active, poller.is_stopped = False, True
            self._condition.notify_all()
