"""Chooses the responses that are cut off to make room, when too much waits for clients.

These are the slowest responses of clients that hold more than their fair share. Slow means little progress over some
seconds, since a client that takes a few bytes now and then holds as much as one that takes nothing.
"""

import time
from collections import Counter
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol

from djbundle.runtime.http.limits.budget import MAX_BYTES, RESERVE, Budget, share_key

WINDOW = 2.5  # seconds, at least, over which the progress of a response is measured
FAST_SECONDS = 10.0  # a client that takes a response in less is not evicted: it will make room soon
EVICTION_TIMEOUT = 5.0  # seconds without any progress before a response makes room, whatever its client holds


class CountedResponse(Protocol):
    """A response that the budget counts."""

    @property
    def client(self) -> str:
        """The address of the client."""
        ...

    @property
    def cost(self) -> int:
        """The bytes that the budget counts."""
        ...

    @property
    def sent(self) -> int:
        """The bytes that the client has taken, about."""
        ...

    @property
    def waiting_since(self) -> float | None:
        """The monotonic time since which the process waits for its client; None if it does not."""
        ...


@dataclass(slots=True)
class SendProgress:
    """The progress of a response, measured over the last one or two windows."""

    began: float  # monotonic seconds
    sent_at_start: int  # bytes
    middle: float
    sent_at_middle: int

    def advance(self, now: float, sent: int) -> None:
        """Begin another window if this one is over."""
        if now - self.middle >= WINDOW:
            self.began, self.sent_at_start = self.middle, self.sent_at_middle
            self.middle, self.sent_at_middle = now, sent

    def rate(self, now: float, sent: int) -> float:
        """Return the bytes per second."""
        return (sent - self.sent_at_start) / max(now - self.began, WINDOW)


class Eviction[T: CountedResponse]:
    """The evictions of one web process."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.progress: dict[T, SendProgress] = {}

    def choose(self, responses: Collection[T]) -> list[T]:
        """Note the progress of all counted responses, and return those to cut off. Call it each second."""
        now = time.monotonic()
        self.progress = {each: self.measure(each, now) for each in responses}
        if not self.budget.is_full:
            return []
        return self.above_share(now) or longest_waiting(responses, now)

    def measure(self, response: T, now: float) -> SendProgress:
        sent = response.sent
        progress = self.progress.get(response) or SendProgress(now, sent, now, sent)
        progress.advance(now, sent)
        return progress

    def above_share(self, now: float) -> list[T]:
        """Return the slowest responses of clients that hold more than their share: as many as make enough room."""
        by_rate = sorted(
            (progress.rate(now, each.sent), number, each)
            for number, (each, progress) in enumerate(self.progress.items())
            if now - progress.began >= WINDOW and not self.budget.is_exempt(each.client)
        )
        excess, share = self.budget.total - MAX_BYTES + RESERVE, self.budget.fair_share
        held: Counter[Hashable] = Counter(self.budget.shares)
        chosen = []
        for rate, _, response in by_rate:
            key = share_key(response.client)
            if excess > 0 and held[key] > share and rate * FAST_SECONDS < response.cost:
                chosen.append(response)
                held[key] -= response.cost
                excess -= response.cost
        return chosen


def longest_waiting[T: CountedResponse](responses: Iterable[T], now: float) -> list[T]:
    """Return the quarter that has waited longest for clients.

    Responses that have waited less than EVICTION_TIMEOUT are not among them.
    """
    waiting = [(each.waiting_since, number, each) for number, each in enumerate(responses) if each.waiting_since]
    return [
        each for since, _, each in sorted(waiting)[: 1 + len(waiting) // 4] if since and now - since >= EVICTION_TIMEOUT
    ]
