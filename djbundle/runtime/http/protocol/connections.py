"""The open connections of this process, as the kernel knows them; Granian does not tell which request has which."""

import contextlib
import fcntl
import os
import socket
import stat
import struct
import termios
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

# tcpi_unacked, tcpi_last_data_sent, tcpi_last_data_recv, tcpi_bytes_acked, tcpi_bytes_received, tcpi_notsent_bytes
# (linux/tcp.h, struct tcp_info)
INFORMATION = struct.Struct("=24xI16xI4xI64xQQ8xI")

NUMBER = struct.Struct("=i")  # what FIONREAD gives, see tcp(7)


class Traffic(NamedTuple):
    """Of one connection; times in seconds."""

    since_received: float
    since_sent: float
    received: int  # bytes, in all
    is_read: bool  # the other side has taken all that we have sent
    acknowledged: int = 0  # bytes that the other side has taken, in all

    @property
    def since(self) -> float:
        """Anything moved."""
        return min(self.since_received, self.since_sent)


class Connection(NamedTuple):
    """One that a client has opened."""

    peer: str
    peer_port: int
    port: int
    socket: socket.socket

    @property
    def client(self) -> tuple[str, int]:
        """Whose it is: no other has the same while it is open."""
        return self.peer, self.peer_port

    def traffic(self) -> Traffic | None:
        """None where the kernel does not tell: it was closed meanwhile, or a sandbox tells less than Linux."""
        try:
            information = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFORMATION.size)
            unacked, sent, received, taken, size, unsent = INFORMATION.unpack(information)
        except (OSError, struct.error):
            return None
        return Traffic(received / 1000, sent / 1000, size, unacked == unsent == 0, taken)

    def unread(self) -> int:
        """Return how many bytes that were received wait in the kernel until this process reads them."""
        try:
            return int(*NUMBER.unpack(fcntl.ioctl(self.socket, termios.FIONREAD, bytes(NUMBER.size))))
        except OSError:
            return 0

    def close(self) -> None:
        """Both ways, whoever else has the socket."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


def connections() -> Iterator[Connection]:
    """Each, while it is looked at. What is closed meanwhile is left out, as are Unix sockets and those that listen."""
    for _, connection in _numbered():
        yield connection


class Descriptors:
    """Finds connections again without a look at all descriptors.

    A number may have come to mean another connection; so each is looked at before it is used.
    """

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, int], int] = {}

    def find(self, clients: Collection[tuple[str, int]]) -> Iterator[Connection]:
        """Yield the open ones of these clients, each while it is looked at."""
        missing = {*clients}
        for client in clients:
            for connection in self.find_known(client):
                missing.discard(client)
                yield connection
        self.numbers = {client: self.numbers[client] for client in clients if client not in missing}
        for number, connection in _numbered() if missing else ():
            if connection.client in missing:
                self.numbers[connection.client] = number
                yield connection

    def find_known(self, client: tuple[str, int]) -> Iterator[Connection]:
        """Yield the one of this client, if it was found before."""
        with contextlib.suppress(OSError, KeyError), _duplicate(self.numbers[client]) as found:
            if (connection := _connection(found)) and connection.client == client:
                yield connection


def break_off(clients: Collection[tuple[str, int]]) -> None:
    """Close the connections of these clients, who otherwise would take what they have got for the whole."""
    for connection in connections():
        if connection.client in clients:
            connection.close()


def _numbered() -> Iterator[tuple[int, Connection]]:
    """Each with its descriptor."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(entry.stat().st_mode):
                with _duplicate(number := int(entry.name)) as found:
                    if connection := _connection(found):
                        yield number, connection


def _duplicate(descriptor: int) -> socket.socket:
    return socket.socket(fileno=os.dup(descriptor))


def _connection(found: socket.socket) -> Connection | None:
    """None: it is a Unix socket, or not connected."""
    if found.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        peer, port = found.getpeername()[:2]
        return Connection(peer, port, found.getsockname()[1], found)
    except OSError:
        return None
