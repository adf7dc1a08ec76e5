"""Watches the honest clients of an attacked site, and its web process."""

import contextlib
import json
from typing import Any

import psutil

from tests.bundle.processes import with_role
from tests.support.http1 import HERE, connect, connect_tls, read_all, request, status_of
from tests.support.site import Site
from tests.support.waiting import wait_until

HONEST = "127.0.0.2"  # another client than 127.0.0.1, from which the attacks come
SPARE_THREADS = 16  # threads of limited pools, started on first use: receivers, senders, the health check


def ask(site: Site, method: str, path: str, *headers: str, body: bytes = b"", source: str = HONEST) -> bytes:
    """Return the whole answer to a request over its own connection."""
    make = connect_tls if site.url.startswith("https:") else connect
    length = (f"Content-Length: {len(body)}",) if body else ()
    with make(site, source) as connection:
        connection.sendall(request(method, path, "Host: localhost", "Connection: close", *length, *headers, body=body))
        return read_all(connection)


def get(site: Site, path: str = "/up", source: str = HONEST) -> int:
    """Return the status of a page."""
    return status_of(ask(site, "GET", path, source=source))


def is_ready(site: Site) -> bool:
    """Return whether /up answers that the site is ready; a site with TLS gets its certificate a little later."""
    with contextlib.suppress(OSError):
        return get(site) == 200
    return False


def upload(site: Site, source: str = HONEST, size: int = 1000) -> int:
    """Return the status of an upload whose body comes at once."""
    return status_of(ask(site, "POST", "/size/", body=b"a" * size, source=source))


def echo(response: bytes | bytearray) -> dict[str, Any]:
    """Return what the page /echo/ reports."""
    report: dict[str, Any] = json.loads(bytes(response).rpartition(b"\r\n\r\n")[2])
    return report


def web_of(site: Site) -> psutil.Process:
    return with_role(site, "web")[0]


def memory_of(web: psutil.Process) -> int:
    """Return the bytes of memory that the process shares with no other."""
    return int(web.memory_full_info().uss)


def warm_up(site: Site) -> None:
    """Wait until the site is ready, and use once what is only made on first use."""
    wait_until(lambda: is_ready(site), "the site is ready")
    assert get(site, "/large/") == 200
    assert upload(site) == upload(site, HERE) == 200


def assert_recovered(site: Site, threads: int) -> None:
    """Check that uploads from the attacker's and another address are answered, and that extra threads have ended."""
    assert upload(site) == 200
    wait_until(lambda: upload(site, HERE) == 200, "uploads from the attacker's address are answered")
    assert get(site) == 200
    wait_until(lambda: web_of(site).num_threads() <= threads + SPARE_THREADS, "the threads have ended")
