"""An HTTP/1.1 client that sends any bytes, well formed or not."""

import contextlib
import socket
import ssl
from urllib.parse import urlsplit

from tests.support.websocket import Reachable

HOST = "Host: localhost"
CHUNKED = "Transfer-Encoding: chunked"
QUIET_TIMEOUT = 1.5  # seconds without data after which an exchange is over
TIMEOUT = 20.0  # seconds for everything else
HERE = "127.0.0.1"


def request(method: str, path: str, *headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", *headers, "", ""]).encode("latin-1") + body


def connect(site: Reachable, source: str = HERE) -> socket.socket:
    """Open a plain connection from the local address `source`: 127.0.0.2 is another client than 127.0.0.1."""
    address = urlsplit(site.url)
    return socket.create_connection((address.hostname, address.port), timeout=TIMEOUT, source_address=(source, 0))


def connect_tls(site: Reachable, source: str = HERE, *protocols: str) -> ssl.SSLSocket:
    """Open a TLS connection that accepts every certificate. `protocols` are for ALPN."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(protocols)
    connection = context.wrap_socket(connect(site, source), server_hostname="localhost")
    connection.settimeout(TIMEOUT)
    return connection


def exchange(site: Reachable, sent: bytes, source: str = HERE) -> bytes:
    """Send these bytes, and return all that comes back until the server closes or sends nothing for QUIET_TIMEOUT."""
    with connect(site, source) as connection:
        connection.sendall(sent)
        response = b""
        connection.settimeout(QUIET_TIMEOUT)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while part := connection.recv(1 << 16):
                response += part
    return response


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    response = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(1 << 20):
            response += part
    return response


def status_of(response: bytes) -> int:
    """Return the status in the first line of a response, or 0 if there is none."""
    words = response.partition(b"\r\n")[0].split(b" ")
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def is_closed(connection: socket.socket) -> bool:
    """Return whether the server has closed. Received data is discarded."""
    connection.setblocking(False)
    try:
        while connection.recv(1 << 16):
            pass
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    return True
