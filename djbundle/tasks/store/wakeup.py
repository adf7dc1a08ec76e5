"""Wakes workers when a task was committed, so that they need not wait for their next poll.

On this machine, it sends a datagram to the abstract Unix socket of each worker: no file to clean up, no permission to
set. Any process on the machine may send one; that only makes the worker check the table. Other machines get
PostgreSQL's NOTIFY, which is part of the transaction. A lost wake-up costs a poll interval, nothing else.
"""

import atexit
import contextlib
import errno
import hashlib
import socket
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from django.db import connections, transaction

from djbundle.tasks.options import option

MAX_WORKERS = 8  # workers of a database on this machine that have a socket of their own
ABSENT_SECONDS = 0.5  # seconds to skip an address that had no worker, except the first address
CHANNEL = "djbundle_tasks"
MAX_RECEIVED = 64  # datagrams, before the worker does its work; a socket holds about ten
CLOSED = {errno.EBADF, errno.ENOTSOCK}  # by code that closes all files of the process


def addresses_of(alias: str) -> tuple[bytes, ...]:
    """Return the socket addresses for the database `alias`. They are the same in every process that uses it."""
    settings = connections[alias].settings_dict
    return _addresses("\0".join([str(settings.get(key, "")) for key in ("ENGINE", "HOST", "PORT", "NAME")]))


@cache
def _addresses(identity: str) -> tuple[bytes, ...]:
    name = b"\0djbundle-tasks-" + hashlib.sha256(identity.encode()).hexdigest()[:32].encode()
    return name, *(b"%s-%d" % (name, number) for number in range(1, MAX_WORKERS))


def send(alias: str) -> None:
    """Wake the workers on this machine. Never wait, never fail."""
    now = time.monotonic()
    for number, address in enumerate(addresses_of(alias)):
        if _absent_until.get(address, 0.0) < now and not _send_to(address) and number:
            _absent_until[address] = now + ABSENT_SECONDS


_absent_until: dict[bytes, float] = {}  # monotonic seconds


def _send_to(address: bytes) -> bool:
    """Return False if no worker has this socket."""
    try:
        _sending_socket().sendto(b"\0", address)
    except ConnectionRefusedError:
        return False
    except OSError as error:
        if error.errno in CLOSED:
            _sending_socket().detach()  # else it would close the file that has its number now
            _sending_socket.cache_clear()
    return True


@cache
def _sending_socket() -> socket.socket:
    """Return one socket for this process and those that it forks, since datagrams need no connection."""
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    atexit.register(sender.close)
    return sender


def send_on_commit(alias: str) -> None:
    """Wake workers when this transaction commits, or at once if there is none.

    Several calls in one transaction wake them once.
    """
    connection, sender = connections[alias], _sender_to(alias)
    if any(sender in call for call in connection.run_on_commit):
        return
    if can_notify(connection):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
    transaction.on_commit(sender, using=alias)


@cache
def _sender_to(alias: str) -> Callable[[], None]:
    return partial(send, alias)


def can_notify(connection: Any) -> bool:
    """Return whether its server notifies other machines. ``"LISTEN": False`` in OPTIONS is for poolers that cannot."""
    return connection.vendor == "postgresql" and bool(option("LISTEN", True))


def without_pool(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the same database without its pool, for a connection that nothing else uses."""
    return settings | {"OPTIONS": {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}}


def listen(alias: str) -> socket.socket | None:
    """Return a receiving socket, or None if other workers on this machine use all addresses.

    Without a socket, the worker polls.
    """
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    for address in addresses_of(alias):
        with contextlib.suppress(OSError):
            receiver.bind(address)
            return receiver
    receiver.close()
    return None


def receive_all(receiver: socket.socket) -> None:
    """Receive what has arrived, but no more than MAX_RECEIVED datagrams: another user may send them without end."""
    with contextlib.suppress(BlockingIOError):
        for _ in range(MAX_RECEIVED):
            receiver.recv(4096)
