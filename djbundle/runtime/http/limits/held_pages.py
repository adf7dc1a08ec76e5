"""Finished pages that wait until there is room to send them. They take memory, too, so their number is limited."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from djbundle.runtime.http.limits.budget import (
    HOLD_TIMEOUT,
    MAX_BYTES_PER_CLIENT,
    Budget,
    add_to_count,
    client_key,
)

MAX_HELD_BYTES = 64 << 20  # bytes of held pages of all clients
HELD_RESERVE = 32 << 20  # bytes beyond that for clients that have no other waiting page


class HeldPages:
    """The held pages of one web process."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.clients: Counter[Hashable] = Counter()  # bytes, by client
        self.total = 0  # bytes
        self.lock = threading.Lock()

    def try_add(self, client: str, size: int) -> bool:
        """Count a page of `size` bytes, and return whether it may wait."""
        with self.lock:
            held = self.clients[client_key(client)]
            if self.total + size > MAX_HELD_BYTES + (0 if held else HELD_RESERVE):
                return False
            limit = self.budget.allowance if held else MAX_BYTES_PER_CLIENT
            if held + size > limit and not self.budget.is_exempt(client):
                return False
            self._add(client, size)
            return True

    def remove(self, client: str, size: int) -> None:
        """Stop counting a page."""
        with self.lock:
            self._add(client, -size)

    def _add(self, client: str, size: int) -> None:
        self.total += size
        add_to_count(self.clients, client_key(client), size)


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """A page of a WSGI site that waits for room."""

    client: str
    size: int  # bytes
    since: float  # monotonic seconds
    try_start: Callable[[], bool]  # begin to send the page, and return whether there is room
    refuse: Callable[[], None]


class PageQueue:
    """The pages of a WSGI site that wait. No thread waits with them."""

    def __init__(self, budget: Budget) -> None:
        self.held = HeldPages(budget)
        self.pages: deque[WaitingPage] = deque()
        self.sweep_lock = threading.Lock()

    def put(self, client: str, size: int, try_start: Callable[[], bool], refuse: Callable[[], None]) -> None:
        """Let a page of `size` bytes wait, or refuse it at once."""
        if self.held.try_add(client, size):
            self.pages.append(WaitingPage(client, size, time.monotonic(), try_start, refuse))
        else:
            refuse()

    def sweep(self) -> None:
        """Start the pages for which there is room, and refuse those that waited too long. Any thread may call this."""
        if not self.pages or not self.sweep_lock.acquire(blocking=False):
            return
        try:
            for _ in range(len(self.pages)):
                self.retry(self.pages.popleft())
        finally:
            self.sweep_lock.release()

    def retry(self, page: WaitingPage) -> None:
        """Try one page again. A page that does not wait any more is not counted, whatever its start raises."""
        waits = False
        try:
            if not page.try_start():
                waits = time.monotonic() <= page.since + HOLD_TIMEOUT
                if waits:
                    self.pages.append(page)
                else:
                    page.refuse()
        finally:
            if not waits:
                self.held.remove(page.client, page.size)
