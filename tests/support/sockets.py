"""Both ends of a real TCP connection, in one process."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield both ends of a connection over loopback: the client's, and the site's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        with client, server:
            yield client, server
