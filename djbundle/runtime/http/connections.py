"""The open connections of this process, as the kernel knows them; Granian does not tell which request has which."""

import contextlib
import os
import socket
import stat
import struct
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

# tcpi_last_data_recv in milliseconds, tcpi_bytes_received (linux/tcp.h, struct tcp_info)
RECEIVED = struct.Struct("=52xI72xQ")
NOT_TOLD = (OSError, struct.error)  # it was closed meanwhile; a sandbox tells less than Linux
PREFACE = 24  # bytes of the beginning of HTTP/2; until it has seen so many Granian cannot tell which HTTP it is


def close_connections(peer: str, idle: float) -> None:
    """Close those to `peer` from which nothing has come for `idle` seconds."""
    close_where(lambda connection: is_to(connection, peer) and received(connection)[0] >= idle)


def close_mute(ports: Collection[int], timeout: float) -> None:
    """Close those to one of our ports over which hardly anything has come, for `timeout` seconds.

    Granian's own limit begins when it knows which HTTP is spoken. A request so short names no host.
    """

    def is_mute(connection: socket.socket) -> bool:
        if not is_by_client(connection, ports):
            return False
        seconds, size = received(connection)
        return size < PREFACE and seconds >= timeout

    close_where(is_mute)


def close_where(condition: Callable[[socket.socket], bool]) -> None:
    for connection in connections():
        with connection, contextlib.suppress(*NOT_TOLD):
            if condition(connection):
                connection.shutdown(socket.SHUT_RDWR)


def is_by_client(connection: socket.socket, ports: Collection[int]) -> bool:
    """Raises OSError for a socket that listens."""
    return is_internet(connection) and bool(connection.getpeername()) and connection.getsockname()[1] in ports


def is_internet(connection: socket.socket) -> bool:
    return connection.family in (socket.AF_INET, socket.AF_INET6)


def is_to(connection: socket.socket, peer: str) -> bool:
    return is_internet(connection) and str(connection.getpeername()[0]) == peer


def connections() -> Iterator[socket.socket]:
    """A duplicate of each socket; what is closed meanwhile is left out."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(entry.stat().st_mode):
                yield socket.socket(fileno=os.dup(int(entry.name)))


def received(connection: socket.socket) -> tuple[float, int]:
    """Seconds since data came, and bytes that came in all."""
    information = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, RECEIVED.size)
    milliseconds, size = RECEIVED.unpack(information)
    return milliseconds / 1000, size
