"""The listening sockets, one for each web worker, among which the kernel spreads new connections (SO_REUSEPORT).

With one socket for all, the worker that is quickest at the moment takes most connections, and with them their later
requests. The supervisor owns the sockets, so that a restart of the web process refuses no connection.
"""

import errno
import socket

from djbundle.errors import AddressError

BACKLOG = 1024  # connections that wait while workers are busy or restart


def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """Bind and listen with `count` sockets on one port; port 0 is one that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sockets.append(socket.socket(family, socket.SOCK_STREAM))
            _bind(sockets[-1], host, port, is_first=len(sockets) == 1)
            port = sockets[0].getsockname()[1]
        for listener in sockets:
            listener.listen(BACKLOG)
    except OSError as error:
        for listener in sockets:
            listener.close()
        raise refused(host, port, error) from error
    return sockets


def _bind(listener: socket.socket, host: str, port: int, *, is_first: bool) -> None:
    """The first one binds before it may share the port: that fails when any other program has it, us included."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it. Without, an answer in two parts waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if is_first:
        listener.bind((host, port))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if not is_first:
        listener.bind((host, port))


def refused(host: str, port: int, error: OSError) -> AddressError:
    address = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return AddressError(f"{address} is in use by another program", "stop it, or choose another:  --bind HOST:PORT")
    if error.errno == errno.EACCES:
        return AddressError(f"port {port} may not be bound by this user", "choose a port above 1023:  --bind HOST:PORT")
    return AddressError(f"cannot listen on {address}: {error.strerror}", "choose another:  --bind HOST:PORT")


def url_of(listener: socket.socket) -> str:
    """Where a person on this machine reaches it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - any address, as a person types it
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
