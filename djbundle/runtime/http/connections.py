"""The open connections of this process, as the kernel knows them; Granian does not tell which request has which."""

import contextlib
import os
import socket
import stat
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

# tcpi_unacked, tcpi_last_data_sent, tcpi_last_data_recv, tcpi_bytes_acked, tcpi_bytes_received, tcpi_notsent_bytes
# (linux/tcp.h, struct tcp_info)
INFORMATION = struct.Struct("=24xI16xI4xI64xQQ8xI")


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

    def close(self) -> None:
        """Both ways, whoever else has the socket."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


def connections() -> Iterator[Connection]:
    """Each, while it is looked at. What is closed meanwhile is left out, as are Unix sockets and those that listen."""
    for each in _sockets():
        with each, contextlib.suppress(OSError):
            if each.family in (socket.AF_INET, socket.AF_INET6):
                peer, port = each.getpeername()[:2]
                yield Connection(peer, port, each.getsockname()[1], each)


def break_off(clients: Collection[tuple[str, int]]) -> None:
    """Close the connections of these clients, who otherwise would take what they have got for the whole."""
    for connection in connections():
        if connection.client in clients:
            connection.close()


def _sockets() -> Iterator[socket.socket]:
    """A duplicate of each."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(entry.stat().st_mode):
                yield socket.socket(fileno=os.dup(int(entry.name)))
