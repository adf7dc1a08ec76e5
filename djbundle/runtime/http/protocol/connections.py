"""The open connections of this process, as the kernel reports them. Granian does not tell which request has which."""

import contextlib
import fcntl
import os
import socket
import stat
import struct
import termios
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

# tcpi_unacked, tcpi_last_data_sent, tcpi_last_data_recv, tcpi_bytes_acked, tcpi_bytes_received, tcpi_notsent_bytes
# (linux/tcp.h, struct tcp_info)
TCP_INFO_FORMAT = struct.Struct("=24xI16xI4xI64xQQ8xI")

LEFT_CHECK_INTERVAL = 0.5  # seconds between looks for clients that have left

INT_FORMAT = struct.Struct("=i")  # the result of FIONREAD, see tcp(7)
IPV4_MAPPED = "::ffff:"  # with an IPv4 address: how a socket of both families names an IPv4 client


class Traffic(NamedTuple):
    """The traffic of one connection. Times are in seconds."""

    since_received: float
    since_sent: float
    received: int  # bytes, in all
    is_fully_acknowledged: bool  # the other side has acknowledged everything that we have sent
    acknowledged: int = 0  # bytes that the other side has acknowledged, in all

    @property
    def since(self) -> float:
        """The seconds since anything was sent or received."""
        return min(self.since_received, self.since_sent)


class Connection(NamedTuple):
    """A connection that a client has opened."""

    peer: str
    peer_port: int
    port: int
    socket: socket.socket

    @property
    def client(self) -> tuple[str, int]:
        """The client's address and port: no other connection has the same while this one is open."""
        return self.peer, self.peer_port

    def traffic(self) -> Traffic | None:
        """Return what the kernel reports; None if the connection was closed, or a sandbox reports less than Linux."""
        try:
            tcp_info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_FORMAT.size)
            unacked, since_sent, since_received, acknowledged, size, unsent = TCP_INFO_FORMAT.unpack(tcp_info)
        except (OSError, struct.error):
            return None
        return Traffic(since_received / 1000, since_sent / 1000, size, unacked == unsent == 0, acknowledged)

    def unread(self) -> int:
        """Return how many received bytes wait in the kernel for this process to read them."""
        try:
            return int(*INT_FORMAT.unpack(fcntl.ioctl(self.socket, termios.FIONREAD, bytes(INT_FORMAT.size))))
        except OSError:
            return 0

    def close(self) -> None:
        """Close both directions, even if other processes have the socket too."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


def connection_id(client: tuple[str, str]) -> tuple[str, int]:
    """Return the address and port of a client. Granian gives text."""
    address, port = client
    return plain_address(address), int(port)


def plain_address(address: str) -> str:
    """Return the address; for an IPv4 client of a socket of both families, its IPv4 address."""
    return address.removeprefix(IPV4_MAPPED) if "." in address else address


def connections() -> Iterator[Connection]:
    """Yield each open connection, usable until the next one is yielded.

    Connections that are closed meanwhile are skipped, and so are Unix sockets and listening sockets.
    """
    for _, connection in _with_descriptor():
        yield connection


class ConnectionFinder:
    """Finds connections again without a look at all descriptors.

    A descriptor may have been reused for another connection, so each is checked before it is used.
    """

    def __init__(self) -> None:
        self.descriptors: dict[tuple[str, int], int] = {}

    def find(self, clients: Collection[tuple[str, int]]) -> Iterator[Connection]:
        """Yield the open connections of these clients, each usable until the next one is yielded."""
        missing = {*clients}
        for client in clients:
            for connection in self.find_known(client):
                missing.discard(client)
                yield connection
        self.descriptors = {client: self.descriptors[client] for client in clients if client not in missing}
        for descriptor, connection in _with_descriptor() if missing else ():
            if connection.client in missing:
                self.descriptors[connection.client] = descriptor
                yield connection

    def find_known(self, client: tuple[str, int]) -> Iterator[Connection]:
        """Yield the connection of this client, if it was found before."""
        with contextlib.suppress(OSError, KeyError), _duplicate(self.descriptors[client]) as sock:
            if (connection := _connection_of(sock)) and connection.client == client:
                yield connection


class LeftClients:
    """Tells which clients have left. It looks at all descriptors, but not often."""

    def __init__(self) -> None:
        self.open_ports: set[int] = set()  # of clients, whatever their addresses
        self.checked_at = 0.0  # monotonic seconds

    def has_left(self, client: tuple[str, int], since: float) -> bool:
        """Return whether a client has left that was connected at `since`, monotonic seconds.

        False means that it may be connected. Over a Unix socket nothing is known.
        """
        now = time.monotonic()
        if not client[1] or now - since < LEFT_CHECK_INTERVAL:
            return False
        if now - self.checked_at >= LEFT_CHECK_INTERVAL:
            try:
                self.open_ports = {connection.peer_port for connection in connections()}
            except OSError:  # no descriptor is left to look with
                return False
            self.checked_at = now
        return self.checked_at > since and client[1] not in self.open_ports


def abort_connections(clients: Collection[tuple[str, int]]) -> None:
    """Close the connections of these clients, which otherwise would mistake what they have received for the whole."""
    for connection in connections():
        if connection.client in clients:
            connection.close()


def _with_descriptor() -> Iterator[tuple[int, Connection]]:
    """Yield each connection with its descriptor."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(entry.stat().st_mode):
                with _duplicate(descriptor := int(entry.name)) as sock:
                    if connection := _connection_of(sock):
                        yield descriptor, connection


def _duplicate(descriptor: int) -> socket.socket:
    return socket.socket(fileno=os.dup(descriptor))


def _connection_of(sock: socket.socket) -> Connection | None:
    """Return the connection of a socket, or None for a Unix socket or one that is not connected."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        peer, port = sock.getpeername()[:2]
        return Connection(plain_address(peer), port, sock.getsockname()[1], sock)
    except OSError:
        return None
