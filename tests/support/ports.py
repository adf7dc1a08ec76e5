"""TCP ports of this machine for servers that the tests start."""

import random
import socket
from functools import cache
from pathlib import Path

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_given: set[int] = set()  # by this process


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 on which no process listens, and which this process has not been given before.

    The kernel gives it to no client either. A port that it chooses itself may become that of a client's connection
    before the server listens on it, or while the server is restarted.
    """
    for port in random.sample(_server_ports(), 1000):
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise OSError("1,000 ports were tried, and none is free")


@cache
def _server_ports() -> list[int]:
    """Return the ports that the kernel gives to no client."""
    first, last = map(int, EPHEMERAL.read_text().split())
    return [port for port in range(10_000, 65_536) if not first <= port <= last]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
