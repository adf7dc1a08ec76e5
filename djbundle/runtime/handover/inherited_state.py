"""The state that one `serve` passes to the next across an exec: sockets, the lock and processes, in a variable.

Two programs read it, perhaps of two versions: first the candidate that takes over from a running site, then the
supervisor itself, when it becomes the new program. A program that does not know the protocol exits; nothing changes.
"""

import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import NoReturn, Self

from djbundle.errors import HandoverError
from djbundle.runtime.net.sockets import Listeners
from djbundle.runtime.process.forking import STOP_SIGNALS

VARIABLE = "DJBUNDLE_HANDOVER"  # set by `upgrade`: what the new version inherits
# In a variable of its own: an older version raises TypeError for a field of Handover that it does not know.
LEAVING_TOO_VARIABLE = "DJBUNDLE_LEAVING_TOO"  # set by `upgrade`: an earlier version that still drains
PROTOCOL = 3
SUPPORTED_PROTOCOLS = (2, PROTOCOL)  # protocol 2 had no heartbeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """All numbers are file descriptors or process ids."""

    protocol: int = PROTOCOL
    site: list[list[int]]  # the sockets of each address
    redirect: int | None
    metrics: int | None = None
    heart: int | None = None  # the heartbeat of the app process that serves, or is about to
    # For a candidate:
    status: int | None = None  # the candidate reports its progress here
    go: int | None = None  # and reads here when to go on
    # For the supervisor itself:
    lock: int | None = None
    app: int | None = None  # the app process that serves
    leaving: int | None = None  # the app process that served before, and drains
    leaving_too: list[int] = field(default_factory=list)  # those before it, which have been sent SIGTERM

    @classmethod
    def from_environment(cls) -> Self | None:
        """Return what this process has inherited, if anything."""
        text = os.environ.pop(VARIABLE, None)
        if text is None:
            return None
        fields = json.loads(text)
        leaving_too = json.loads(os.environ.pop(LEAVING_TOO_VARIABLE, "[]"))
        if fields.get("protocol") not in SUPPORTED_PROTOCOLS:
            raise HandoverError(
                "the running version hands over in a way that this one does not know", "stop it, and start this one"
            )
        return cls(**fields | {"protocol": PROTOCOL, "leaving_too": leaving_too})

    @classmethod
    def of(cls, listeners: Listeners, lock: int) -> Self:
        """Build it from the lock and the sockets, which give up their descriptors."""

        def number(listener: socket.socket | None) -> int | None:
            return listener.detach() if listener else None

        return cls(
            site=[[listener.detach() for listener in sockets] for sockets in listeners.site],
            redirect=number(listeners.redirect),
            metrics=number(listeners.metrics),
            lock=lock,
        )

    @classmethod
    def of_open(cls, listeners: Listeners, *, heart: int | None, status: int, go: int | None) -> Self:
        """Build it from sockets that keep their descriptors, for the app process itself."""

        def number(listener: socket.socket | None) -> int | None:
            return listener.fileno() if listener else None

        return cls(
            site=[[listener.fileno() for listener in sockets] for sockets in listeners.site],
            redirect=number(listeners.redirect),
            metrics=number(listeners.metrics),
            heart=heart,
            status=status,
            go=go,
        )

    def open_listeners(self) -> Listeners:
        """Return the sockets. Call it only once: they own their descriptors."""

        def opened(number: int | None) -> socket.socket | None:
            return None if number is None else socket.socket(fileno=number)

        return Listeners(
            site=[[socket.socket(fileno=number) for number in numbers] for numbers in self.site],
            redirect=opened(self.redirect),
            metrics=opened(self.metrics),
        )

    @property
    def descriptors(self) -> list[int]:
        descriptors = (
            *itertools.chain(*self.site),
            self.redirect,
            self.metrics,
            self.heart,
            self.status,
            self.go,
            self.lock,
        )
        return [number for number in descriptors if number is not None]

    def close_on_exec(self) -> None:
        """Let the inherited descriptors pass through no further exec."""
        for number in self.descriptors:
            os.set_inheritable(number, False)


def execute(
    program: str,
    handover: Handover,
    *,
    name: str = "",
    arguments: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> NoReturn:
    """Become `program`, called `name`, by default with the arguments and the environment of this process.

    Stop signals stay blocked until it handles them.
    """
    command = [name or program, *(sys.orig_argv[1:] if arguments is None else arguments)]
    for number in handover.descriptors:
        os.set_inheritable(number, True)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    sys.stdout.flush()
    sys.stderr.flush()
    fields = asdict(handover)
    leaving_too = json.dumps(fields.pop("leaving_too"))
    inherited = {VARIABLE: json.dumps(fields), LEAVING_TOO_VARIABLE: leaving_too}
    os.execve(program, command, {**(environment or os.environ), **inherited})  # noqa: S606 - no shell
