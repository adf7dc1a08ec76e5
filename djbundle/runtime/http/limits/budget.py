"""Limits the memory of responses that clients have not taken yet: for each connection, each client, and all.

Clients with many addresses must not leave others without room. So the more all of them hold, the less each may have:
half of MAX_BYTES is for whoever comes first, the rest in equal shares, and RESERVE is for clients that hold little. A
client that holds nothing may always make a request: its page may be small.
"""

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from functools import lru_cache
from http import HTTPStatus

from djbundle.runtime.http.protocol.transport import ConnectionId

MAX_BYTES_PER_CONNECTION = 16 << 20  # bytes
MAX_BYTES_PER_CLIENT = 32 << 20
MAX_BYTES = 128 << 20
RESERVE = 32 << 20  # bytes beyond MAX_BYTES for clients that hold little
RESPONSE_COST = 320 << 10  # bytes, if its client takes nothing: Granian queues four parts of 64 KB besides ours
MAX_HELD_REQUESTS = 1024  # requests that wait until their clients have taken other responses
STALL_TIMEOUT = 1.0  # seconds that a finished page waits for a client that takes nothing
HOLD_TIMEOUT = 10.0  # seconds that a request waits until its client has taken other responses
IPV6_CLIENT_PREFIX = 64  # bits: the smallest network that a provider gives to one customer
IPV6_SHARE_PREFIX = 56  # bits: a network that many providers give to one customer, and which has one share
# The networks of all IPv4 clients: of sockets for both versions, and of gateways between the versions (RFC 6052).
IPV4_NETWORKS = (ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96"))


class Budget:
    """The budget of one web process. `is_exempt` recognizes proxies, whose addresses stand for many clients."""

    def __init__(self, is_exempt: Callable[[str], bool] = bool) -> None:
        self.is_exempt = is_exempt
        self.connections: Counter[Hashable] = Counter()
        self.clients: Counter[Hashable] = Counter()
        self.shares: Counter[Hashable] = Counter()  # by share_key()
        self.progress_at: dict[Hashable, float] = {}  # when a client last took something, monotonic seconds
        self.total = 0
        self.lock = threading.Lock()

    def charge(self, connection: ConnectionId, client: str, size: int) -> None:
        """Count `size` bytes that wait; a negative size gives them back."""
        with self.lock:
            self._charge(connection, client, size)

    def try_charge(self, connection: ConnectionId, client: str, size: int) -> bool:
        """Count `size` bytes that wait, unless the client or all of them together would have too many.

        Return whether the bytes are counted. Responses of one client may be made at the same time, so that none of them
        knows of the others when it begins.
        """
        with self.lock:
            if not self.has_room(client, size):
                return False
            self._charge(connection, client, size)
            return True

    def has_room(self, client: str, size: int) -> bool:
        """Return whether `size` bytes more may wait for the client. One response may be larger than its share."""
        if self.is_exempt(client):
            return not self.is_full
        held = self.held_by(client)
        if held and (held + size > self.allowance if self.is_crowded else held >= self.allowance):
            return False
        return self.total < MAX_BYTES or self.total + size <= MAX_BYTES + RESERVE

    def _charge(self, connection: ConnectionId, client: str, size: int) -> None:
        """Count the bytes. Call it with the lock held."""
        self.total += size
        key = client_key(client)
        add_to_count(self.connections, connection, size)
        add_to_count(self.clients, key, size)
        add_to_count(self.shares, share_key(client), size)
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
    def is_crowded(self) -> bool:
        """Return whether so much waits that clients have equal shares."""
        return self.total >= MAX_BYTES // 2

    @property
    def is_full(self) -> bool:
        """Return whether only clients that hold little may have more."""
        return self.total >= MAX_BYTES

    @property
    def fair_share(self) -> int:
        """The bytes that each client may have if all that hold something have equally many."""
        return min(MAX_BYTES_PER_CLIENT, MAX_BYTES // max(1, len(self.shares)))

    @property
    def allowance(self) -> int:
        """The bytes that may wait for one client now."""
        if self.is_full:
            return min(self.fair_share, RESERVE // max(1, len(self.shares)))
        return self.fair_share if self.is_crowded else MAX_BYTES_PER_CLIENT

    def held_by(self, client: str) -> int:
        """Return how many bytes wait for the client, or for all that have the same share, if that matters now."""
        return self.shares[share_key(client)] if self.is_crowded else self.clients[client_key(client)]

    def is_spent(self, connection: ConnectionId, client: str) -> bool:
        """Return whether another response would exceed the budget."""
        if self.total == 0:
            return False
        if self.total >= 2 * MAX_BYTES:
            return True
        if not self.is_exempt(connection[0]) and self.connections[connection] >= MAX_BYTES_PER_CONNECTION:
            return True
        return self.is_client_at_limit(client)

    def is_client_at_limit(self, client: str) -> bool:
        """Return whether the client has reached its limit of waiting bytes."""
        if self.is_exempt(client):
            return self.is_full
        held = self.held_by(client)
        return held > 0 and held >= self.allowance

    def is_overdrawn(self, client: str) -> bool:
        """Return whether twice as many bytes wait for the client as ever may."""
        return not self.is_exempt(client) and self.clients[client_key(client)] >= 2 * MAX_BYTES_PER_CLIENT

    def refusal(self, client: str) -> tuple[HTTPStatus, str]:
        """Return the status and the reason for refusing a request: 503 only if it is others that have too much."""
        if self.is_full and (self.is_exempt(client) or self.held_by(client) < self.allowance):
            return HTTPStatus.SERVICE_UNAVAILABLE, "too many responses are not taken"
        return HTTPStatus.TOO_MANY_REQUESTS, "the client has not taken the responses before it"


def add_to_count(counts: dict[Hashable, int], key: Hashable, size: int) -> None:
    """Add `size` to the count of a key. Forget the key when its count comes to nothing."""
    count = counts.get(key, 0) + size
    if count > 0:
        counts[key] = count
    else:
        counts.pop(key, None)


@lru_cache(maxsize=4096)
def client_key(address: str) -> str:
    """Return the key of one client: an IPv4 address, or the network of an IPv6 address."""
    return network_of(address, IPV6_CLIENT_PREFIX)


@lru_cache(maxsize=4096)
def share_key(address: str) -> str:
    """Return the key under which a client has its share, see IPV6_SHARE_PREFIX."""
    return network_of(address, IPV6_SHARE_PREFIX)


def network_of(address: str, ipv6_prefix: int) -> str:
    """Return the network of an IPv6 address; any other address is returned as it is.

    Sockets for both versions and gateways write IPv4 addresses as IPv6 ones, and all of them are in one network.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if any(parsed in network for network in IPV4_NETWORKS):
        return str(ipaddress.IPv4Address(parsed.packed[-4:]))
    return str(ipaddress.ip_network((int(parsed), ipv6_prefix), strict=False))
