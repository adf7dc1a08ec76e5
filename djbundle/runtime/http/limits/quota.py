"""Limits how many bodies are received at once: of all clients, and of each."""

import threading
from collections import Counter
from collections.abc import Callable, Hashable
from http import HTTPStatus

from djbundle.runtime.http.limits.budget import add_to_count, client_key

MAX_BODIES = 512  # bodies received at once by one process; above it, clients are asked to retry
MAX_BODIES_PER_CLIENT = 32  # of them from one client


class BodyQuota:
    """The quota of one web process. `is_exempt` recognizes proxies, whose addresses stand for many clients.

    Several threads may call it.
    """

    def __init__(self, is_exempt: Callable[[str], bool] = bool) -> None:
        self.is_exempt = is_exempt
        self.clients: Counter[Hashable] = Counter()
        self.total = 0
        self.lock = threading.Lock()

    def refusal(self, client: str) -> tuple[HTTPStatus, str] | None:
        """Return the status and the reason for refusing another body of this client, or None."""
        if self.total >= MAX_BODIES:
            return HTTPStatus.SERVICE_UNAVAILABLE, f"{MAX_BODIES} bodies are being received"
        if self.clients[client_key(client)] >= MAX_BODIES_PER_CLIENT and not self.is_exempt(client):
            return HTTPStatus.TOO_MANY_REQUESTS, f"one client sends {MAX_BODIES_PER_CLIENT} bodies at once"
        return None

    def acquire(self, client: str) -> None:
        self._add(client, 1)

    def release(self, client: str) -> None:
        self._add(client, -1)

    def _add(self, client: str, count: int) -> None:
        with self.lock:  # without it, two threads could both add to what one of them has read
            self.total += count
            add_to_count(self.clients, client_key(client), count)
