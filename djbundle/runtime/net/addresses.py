"""The addresses at which a site can be reached, as ``--bind`` names them."""

import os
from argparse import ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

UNIX = "unix:"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what clients reach
LOCAL_PORT, HTTP_PORT, HTTPS_PORT = 8000, 80, 443


@dataclass(frozen=True, slots=True)
class Tcp:
    host: str
    port: int  # 0: any free port

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Unix:
    path: Path

    def __str__(self) -> str:
        return f"{UNIX}{self.path}"


Address = Tcp | Unix


def parse_tcp(text: str) -> Tcp:
    """Parse ``HOST:PORT``, ``[::1]:PORT``, or ``:PORT`` for every address of the machine."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ArgumentTypeError(f'"{text}" is not an address; write HOST:PORT, as in 0.0.0.0:8000')
    return Tcp(host.strip("[]") or EVERYWHERE, int(port))


def parse_address(text: str) -> Address:
    """Parse an address of TCP, or ``unix:PATH``."""
    if not text.startswith(UNIX):
        return parse_tcp(text)
    path = Path(text.removeprefix(UNIX))
    if not path.is_absolute():
        raise ArgumentTypeError(f'"{text}" names no file; write the whole path, as in unix:/run/shop.sock')
    return Unix(path)


def default_address(*, tls: bool, environment: Mapping[str, str] = os.environ, pid: int | None = None) -> Tcp:
    """Return the address to use without ``--bind``.

    With TLS, it is port 443 on every address. Otherwise it is the port that a platform names in PORT, also on every
    address. Without PORT, it is port 80 on every address if this is the first process of a container, else
    127.0.0.1:8000.
    """
    if tls:
        return Tcp(EVERYWHERE, HTTPS_PORT)
    port = environment.get("PORT", "")
    if port.isdecimal() and 0 < int(port) < 65536:
        return Tcp(EVERYWHERE, int(port))
    if (pid or os.getpid()) == 1:
        return Tcp(EVERYWHERE, HTTP_PORT)
    return Tcp("127.0.0.1", LOCAL_PORT)
