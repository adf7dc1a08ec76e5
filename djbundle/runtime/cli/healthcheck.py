"""``./shop healthcheck``: asks the site that runs with this data directory whether it is ready, as a container must."""

import http.client
import socket
import ssl
from argparse import ArgumentParser
from pathlib import Path
from urllib.parse import urlsplit

from djbundle.errors import UnhealthyError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.handover.control_socket import ask_status
from djbundle.runtime.net.addresses import UNIX

PATIENCE = 10.0  # seconds for the answer


def run_healthcheck(bundle: Bundle, arguments: list[str]) -> int:
    """Raises UnhealthyError, or NotServingError."""
    ArgumentParser(prog=f"{Path(bundle.program).name} healthcheck", allow_abbrev=False).parse_args(arguments)
    told = ask_status(bundle.data)
    url, path = told["local_url"], told["health_path"]
    try:
        status, body = get(url, path)
    except OSError as error:
        raise UnhealthyError(f"{url} does not answer: {error}", "look at the log of serve") from error
    if status >= 400:
        said = body[:500].strip() if status == 503 else f"{path} is answered {status}"
        raise UnhealthyError(f"{url} is not ready: {said}", "look at the log of serve")
    print(f"{url} is up")
    return 0


def get(url: str, path: str) -> tuple[int, str]:
    """Status and body. The certificate is not looked at: it is made for another name than this address."""
    connection = connection_to(url)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def connection_to(url: str) -> http.client.HTTPConnection:
    if url.startswith(UNIX):
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(PATIENCE)
        connection.sock.connect(url.removeprefix(UNIX))
        return connection
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl._create_unverified_context()  # noqa: S323 - the site on this machine, asked for its health
        return http.client.HTTPSConnection(host, parts.port, timeout=PATIENCE, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=PATIENCE)
