"""The listening socket. The supervisor owns it, so that a restart of the web process refuses no connection."""

import errno
import socket

from djbundle.errors import AddressError

BACKLOG = 1024  # connections that wait while workers are busy or restart


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen; without SO_REUSEPORT, so that a second server on the same port is refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise refused(host, port, error) from error
    return listener


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
