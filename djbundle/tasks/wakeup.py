"""Tells a worker on this machine that a task was committed, so that it need not wait for its next poll.

One datagram to an abstract Unix socket: no file to clean up, no permission to set. Anyone on the machine may send
one; all that it does is make the worker look. A lost one costs a poll interval, nothing else.
"""

import contextlib
import hashlib
import socket
from functools import partial

from django.db import connections, transaction


def address_of(alias: str) -> bytes:
    """The socket of the database `alias`; the same in every process that uses it."""
    settings = connections[alias].settings_dict
    identity = "\0".join(str(settings.get(key, "")) for key in ("ENGINE", "HOST", "PORT", "NAME"))
    return b"\0djbundle-tasks-" + hashlib.sha256(identity.encode()).hexdigest()[:32].encode()


def send(alias: str) -> None:
    """Never waits, never fails."""
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender,
    ):
        sender.sendto(b"\0", address_of(alias))


def send_on_commit(alias: str) -> None:
    """Once this transaction is committed; at once where there is none."""
    transaction.on_commit(partial(send, alias), using=alias)


def listen(alias: str) -> socket.socket | None:
    """The receiving end, or None while another worker on this machine has it: then one polls."""
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        receiver.bind(address_of(alias))
    except OSError:
        receiver.close()
        return None
    return receiver


def drain(receiver: socket.socket) -> None:
    """Take all that has come in."""
    with contextlib.suppress(BlockingIOError):
        while receiver.recv(4096):
            pass
