"""A client that connects to a site on this machine whatever its name, and trusts one authority."""

import http.client
import socket
import ssl
import subprocess
from urllib.parse import urlsplit


class Connection(http.client.HTTPSConnection):
    """A connection to the port of `url`, for the host `name`; `root` is the trusted certificate in PEM."""

    def __init__(self, url: str, root: str, name: str | None = None) -> None:
        address = urlsplit(url)
        self.tls = ssl.create_default_context(cadata=root)
        super().__init__(name or address.hostname or "", address.port, timeout=20, context=self.tls)

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout)
        self.encrypted = self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)


def get(url: str, root: str, name: str | None = None) -> http.client.HTTPResponse:
    connection = Connection(url, root, name)
    connection.request("GET", "/")
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def serial(url: str, root: str, name: str | None = None) -> str:
    """Return the serial number of the certificate that a new connection gets."""
    connection = Connection(url, root, name)
    connection.connect()
    serial_number = (connection.encrypted.getpeercert() or {})["serialNumber"]
    connection.close()
    return str(serial_number)


def curl(*arguments: str) -> str:
    """Return what curl prints; it speaks HTTP/2."""
    command = ["curl", "--silent", "--show-error", "--max-time", "20", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
