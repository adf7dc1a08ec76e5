"""Tells workers that a task was committed, so that they need not wait for their next poll.

On this machine by a datagram to each worker's abstract Unix socket: no file to clean up, no permission to set. Anyone
on the machine may send one; all that it does is make the worker look. On other machines by PostgreSQL's NOTIFY, which
is part of the transaction. What gets lost costs a poll interval, nothing else.
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

MOST_WORKERS = 8  # of a database on this machine that have a socket, each its own
ABSENT_SECONDS = 0.5  # that a worker beyond the first which was not there is not looked for
CHANNEL = "djbundle_tasks"
CLOSED = {errno.EBADF, errno.ENOTSOCK}  # by somebody who closes all files of the process


def addresses_of(alias: str) -> tuple[bytes, ...]:
    """The sockets of the database `alias`; the same in every process that uses it."""
    settings = connections[alias].settings_dict
    return _addresses("\0".join([str(settings.get(key, "")) for key in ("ENGINE", "HOST", "PORT", "NAME")]))


@cache
def _addresses(identity: str) -> tuple[bytes, ...]:
    name = b"\0djbundle-tasks-" + hashlib.sha256(identity.encode()).hexdigest()[:32].encode()
    return name, *(b"%s-%d" % (name, number) for number in range(1, MOST_WORKERS))


def send(alias: str) -> None:
    """Never waits, never fails."""
    now = time.monotonic()
    for number, address in enumerate(addresses_of(alias)):
        if _absent_until.get(address, 0.0) < now and not _send_to(address) and number:
            _absent_until[address] = now + ABSENT_SECONDS


_absent_until: dict[bytes, float] = {}  # monotonic seconds


def _send_to(address: bytes) -> bool:
    """False when nobody is there."""
    try:
        _sending_socket().sendto(b"\0", address)
    except ConnectionRefusedError:
        return False
    except OSError as error:
        if error.errno in CLOSED:
            _sending_socket().detach()  # else it would close what has its number now
            _sending_socket.cache_clear()
    return True


@cache
def _sending_socket() -> socket.socket:
    """One for the process and those that it forks, since a datagram needs no connection."""
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    atexit.register(sender.close)
    return sender


def send_on_commit(alias: str) -> None:
    """When this transaction is committed, once, however often it is called; at once where there is none."""
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
    """Whether its server tells other machines. ``"LISTEN": False`` in OPTIONS is for poolers that cannot."""
    return connection.vendor == "postgresql" and bool(option("LISTEN", True))


def without_pool(settings: dict[str, Any]) -> dict[str, Any]:
    """The same database, by a connection that nobody else gets."""
    return settings | {"OPTIONS": {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}}


def listen(alias: str) -> socket.socket | None:
    """A receiving end, or None while so many other workers on this machine have one: then one polls."""
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    for address in addresses_of(alias):
        with contextlib.suppress(OSError):
            receiver.bind(address)
            return receiver
    receiver.close()
    return None


def drain(receiver: socket.socket) -> None:
    """Take all that has come in."""
    with contextlib.suppress(BlockingIOError):
        while receiver.recv(4096):
            pass
