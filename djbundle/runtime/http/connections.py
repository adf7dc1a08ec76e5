"""The open connections of this process, as the kernel knows them; Granian does not tell which request has which."""

import contextlib
import os
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

LAST_DATA_RECEIVED = struct.Struct("=52xI")  # tcpi_last_data_recv in milliseconds (linux/tcp.h, struct tcp_info)


def close_connections(peer: str, idle: float) -> None:
    """Close those to `peer` from which nothing has come for `idle` seconds."""
    for connection in connections():
        with connection, contextlib.suppress(OSError):
            if is_to(connection, peer) and silence(connection) >= idle:
                connection.shutdown(socket.SHUT_RDWR)


def is_to(connection: socket.socket, peer: str) -> bool:
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    return str(connection.getpeername()[0]) == peer


def connections() -> Iterator[socket.socket]:
    """A duplicate of each socket; what is closed meanwhile is left out."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(entry.stat().st_mode):
                yield socket.socket(fileno=os.dup(int(entry.name)))


def silence(connection: socket.socket) -> float:
    """Seconds since data came."""
    information = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_RECEIVED.size)
    milliseconds: int = LAST_DATA_RECEIVED.unpack(information)[0]
    return milliseconds / 1000
