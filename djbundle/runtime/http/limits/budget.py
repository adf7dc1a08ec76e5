"""Limits the memory of responses that clients have not taken yet: for each connection, each client, and all."""

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from http import HTTPStatus

from djbundle.runtime.http.protocol.transport import ConnectionId

MAX_BYTES_PER_CONNECTION = 16 << 20  # bytes
MAX_BYTES_PER_CLIENT = 32 << 20
MAX_BYTES = 128 << 20
RESPONSE_COST = 320 << 10  # bytes, if its client takes nothing: Granian queues four parts of 64 KB besides ours
EVICTION_TIMEOUT = 5.0  # seconds without progress before a client makes room for others
MAX_HELD_REQUESTS = 1024  # requests that wait until their clients have taken other responses
STALL_TIMEOUT = 1.0  # seconds that a finished page waits for a client that takes nothing
HOLD_TIMEOUT = 10.0  # seconds that a request waits until its client has taken other responses
IPV6_CLIENT_PREFIX = 64  # bits: the network that a provider gives to one customer


class Budget:
    """The budget of one web process. `is_exempt` recognizes proxies, whose addresses stand for many clients."""

    def __init__(self, is_exempt: Callable[[str], bool] = bool) -> None:
        self.is_exempt = is_exempt
        self.connections: Counter[Hashable] = Counter()
        self.clients: Counter[Hashable] = Counter()
        self.progress_at: dict[Hashable, float] = {}  # when a client last took something, monotonic seconds
        self.total = 0
        self.waiting_bytes = 0  # bytes of finished pages that wait until they may be sent
        self.lock = threading.Lock()

    def charge(self, connection: ConnectionId, client: str, size: int) -> None:
        """Count `size` bytes that wait; a negative size gives them back."""
        with self.lock:
            self._charge(connection, client, size)

    def try_charge(self, connection: ConnectionId, client: str, size: int) -> bool:
        """Count `size` bytes that wait, unless the client or all of them together are at their limit.

        Return whether the bytes are counted. Responses of one client may be made at the same time, so that none of them
        knows of the others when it begins.
        """
        with self.lock:
            if self.is_full or self.is_client_at_limit(client):
                return False
            self._charge(connection, client, size)
            return True

    def _charge(self, connection: ConnectionId, client: str, size: int) -> None:
        """Count the bytes. Call it with the lock held."""
        self.total += size
        key = client_key(client)
        add_to_count(self.connections, connection, size)
        add_to_count(self.clients, key, size)
        if key not in self.clients:
            self.progress_at.pop(key, None)

    def note_progress(self, client: str) -> None:
        """Note that the client has taken something."""
        if (key := client_key(client)) in self.clients:
            self.progress_at[key] = time.monotonic()

    def is_stuck(self, client: str, since: float) -> bool:
        """Return whether the client has taken nothing for STALL_TIMEOUT. The caller has waited since `since`.

        A client that nothing waits for is not stuck: others use up the budget.
        """
        if client_key(client) not in self.clients:
            return False
        return time.monotonic() - max(since, self.progress_at.get(client_key(client), since)) > STALL_TIMEOUT

    @property
    def is_full(self) -> bool:
        return self.total >= MAX_BYTES

    def is_spent(self, connection: ConnectionId, client: str) -> bool:
        """Return whether another response would exceed the budget."""
        if self.total == 0:
            return False
        if self.is_full:
            return True
        if not self.is_exempt(connection[0]) and self.connections[connection] >= MAX_BYTES_PER_CONNECTION:
            return True
        return self.is_client_at_limit(client)

    def is_client_at_limit(self, client: str, max_bytes: int | None = None) -> bool:
        """Return whether `max_bytes` wait for the client, by default MAX_BYTES_PER_CLIENT."""
        return not self.is_exempt(client) and self.clients[client_key(client)] >= (max_bytes or MAX_BYTES_PER_CLIENT)

    def refusal(self) -> tuple[HTTPStatus, str]:
        """Return the status and the reason for refusing a request: 503 only if all clients together have too much."""
        if self.is_full:
            return HTTPStatus.SERVICE_UNAVAILABLE, "too many responses are not taken"
        return HTTPStatus.TOO_MANY_REQUESTS, "the client has not taken the responses before it"


def longest_waiting[T](waiting: Iterable[tuple[float, T]]) -> set[T]:
    """Return which of those that wait make room for others: the quarter that has waited longest.

    `waiting` has the seconds that each has waited. Those that have waited less than EVICTION_TIMEOUT are spared.
    """
    by_seconds = sorted(waiting, key=lambda each: each[0], reverse=True)
    return {each for seconds, each in by_seconds[: 1 + len(by_seconds) // 4] if seconds >= EVICTION_TIMEOUT}


def add_to_count(counter: Counter[Hashable], key: Hashable, size: int) -> None:
    """Add `size` to the count of a key. Forget the key when its count comes to nothing."""
    counter[key] += size
    if counter[key] <= 0:
        del counter[key]


@lru_cache(maxsize=4096)
def client_key(address: str) -> str:
    """Return the key of one client: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((int(parsed), IPV6_CLIENT_PREFIX), strict=False))
