"""The listening sockets. Each web worker has its own, and the kernel spreads connections over them (SO_REUSEPORT).

With one socket for all, the worker that is fastest at the moment would take most connections, and with them their later
requests. The supervisor owns the sockets, so that a restart of the web process refuses no connection. All workers share
a Unix socket, or a socket that systemd has opened.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from djbundle.errors import AddressError
from djbundle.runtime.core.safe_path import find_weakness
from djbundle.runtime.net.addresses import HTTP_PORT, HTTPS_PORT, UNIX, Address, Tcp, Unix
from djbundle.runtime.process.privileges import acting_as, owner_of, with_umask

BACKLOG = 1024  # connections that wait while workers are busy or restart
UNSENT_LIMIT = 128 << 10  # bytes that the kernel buffers for a client besides those in flight; by default megabytes


@dataclass(frozen=True, slots=True)
class Listeners:
    site: list[list[socket.socket]]  # for each address: one for each web worker, or one for all
    redirect: socket.socket | None  # from HTTP to HTTPS
    metrics: socket.socket | None

    @property
    def main(self) -> socket.socket:
        """The first socket of the address that is named first."""
        return self.site[0][0]

    def for_worker(self, number: int) -> list[socket.socket]:
        """Return the sockets of one worker, one for each address."""
        return [sockets[number % len(sockets)] for sockets in self.site]


def listen(address: Address, count: int, permissions: int) -> list[socket.socket]:
    """Bind and listen, with `count` sockets on a TCP port. `permissions` are those of the file of a Unix socket."""
    if isinstance(address, Tcp):
        return listen_tcp(address, count, "--bind")
    return [listen_unix(address.path, permissions)]


def listen_tcp(address: Tcp, count: int, option: str) -> list[socket.socket]:
    """Bind and listen with `count` sockets; port 0 is any free port. `option` is the option that named the address.

    gVisor shares a port only if its first socket was bound to share it, or not at all. Then there is one socket.
    """
    host = address.host
    try:
        first = _bind(host, address.port, may_share=False)
        port = first.getsockname()[1]
        sockets = _share([first], host, port, count) or _share([], host, port, count) or _share([], host, port, 1)
    except OSError as error:
        raise bind_error(address, error, option) from error
    if not sockets:
        raise bind_error(address, OSError(errno.EADDRINUSE, ""), option)
    return sockets


def _share(sockets: list[socket.socket], host: str, port: int, count: int) -> list[socket.socket]:
    """Bind sockets until there are `count`, and listen on all of them.

    Close all of them, and return an empty list, if the kernel does not share the port.
    """
    try:
        while len(sockets) < count:
            sockets.append(_bind(host, port, may_share=True))
        for listener in sockets:
            listener.listen(BACKLOG)
    except OSError as error:
        for listener in sockets:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            return []
        raise
    return sockets


def _bind(host: str, port: int, *, may_share: bool) -> socket.socket:
    """Return a socket that is bound to the port.

    If it may not share the port when it is bound, this fails if any other program has the port, ours included. In both
    cases it shares the port with sockets that are bound later.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listener.family == socket.AF_INET6:  # so that [::] may stand beside 0.0.0.0
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        set_options(listener)
        if may_share:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        listener.close()
        raise
    return listener


def set_options(listener: socket.socket) -> None:
    """Set options that connections inherit.

    Without TCP_NODELAY, a response in two parts waits 40 ms for the client's delayed acknowledgement. Without
    TCP_NOTSENT_LOWAT, some clients of large files wait until megabytes for others are sent.
    """
    if listener.family != socket.AF_UNIX:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # not every sandbox has it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_LIMIT)


def listen_unix(path: Path, permissions: int) -> socket.socket:
    """Listen on a Unix socket. Replace a stale socket file, but never one on which a live process listens.

    The file has its permissions from the first moment on: a later change by path may hit another file.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with acting_as_owner_of(path.parent), with_umask(~permissions & 0o777):
            if is_stale(path):
                path.unlink()
            listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise bind_error(Unix(path), error, "--bind") from error
    return listener


@contextlib.contextmanager
def acting_as_owner_of(folder: Path) -> Iterator[None]:
    """Give root no more than the rights of the folder's owner, if another user may change the folder."""
    if os.geteuid() != 0 or not (weakness := find_weakness(folder, {0}, is_parent=True)):
        yield
        return
    owner = owner_of(folder)
    if not owner:
        raise PermissionError(errno.EPERM, f"{weakness.path} {weakness.why}")
    with acting_as(owner):
        yield


def is_stale(path: Path) -> bool:
    """Return whether the file is a socket on which no process listens."""
    if not path.is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            return True
    return False


def systemd_sockets() -> tuple[list[socket.socket], list[socket.socket]]:
    """Return the sockets that systemd has opened for us (sd_listen_fds(3)): for the site, and for redirects.

    Sockets with the FileDescriptorName= "http" are for redirects.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return [], []
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    site: list[socket.socket] = []
    redirect: list[socket.socket] = []
    for number in range(int(os.environ.get("LISTEN_FDS", "0"))):
        listener = socket.socket(fileno=SD_LISTEN_FDS_START + number)
        listener.set_inheritable(False)
        set_options(listener)
        (redirect if names[number : number + 1] == ["http"] else site).append(listener)
    for variable in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(variable, None)
    return site, redirect


SD_LISTEN_FDS_START = 3


def bind_error(address: Address, error: OSError, option: str) -> AddressError:
    kind = "HOST:PORT" if isinstance(address, Tcp) else "unix:/PATH"
    fix = f"choose another:  {option} {kind}"
    if error.errno == errno.EADDRINUSE:
        return AddressError(f"{address} is in use by another program", f"stop it, or {fix}")
    if error.errno == errno.EACCES and isinstance(address, Tcp) and address.port < 1024:
        return AddressError(
            f"port {address.port} may not be bound by this user",
            f"choose a port above 1023:  {option} HOST:PORT  or start as root with  --user NAME",
        )
    return AddressError(f"cannot listen on {address}: {error.strerror}", fix)


def remove_files(addresses: Iterable[Address]) -> None:
    """Remove the files of Unix sockets that are closed for good. The next start replaces one that cannot be removed."""
    for address in addresses:
        if isinstance(address, Unix):
            with contextlib.suppress(OSError):
                address.path.unlink(missing_ok=True)


# --- how addresses are shown ---


def url_of(listener: socket.socket, scheme: str, name: str | None = None) -> str:
    """Return the URL of a socket, by this name or on this machine. A Unix socket has none: return ``unix:PATH``."""
    if listener.family == socket.AF_UNIX:
        return f"{UNIX}{listener.getsockname()}"
    host, port = address_of(listener)
    if port == {"http": HTTP_PORT, "https": HTTPS_PORT}[scheme]:
        return f"{scheme}://{name or host}/"
    return f"{scheme}://{name or host}:{port}/"


def address_of(listener: socket.socket) -> tuple[str, int]:
    """Return the host and port of a socket, as in a URL of this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - any address, as a person types it
    return f"[{host}]" if ":" in host else host, port
