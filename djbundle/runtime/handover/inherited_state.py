"""What one `serve` gives to the next across an exec: sockets, the lock, processes; in one variable of the environment.

Two programs read it, perhaps of two versions: the candidate that is to take over from a running site, and then the
supervisor itself, when it becomes the new program. A program that does not know the protocol ends, and all stays.
"""

import itertools
import json
import os
import signal
import socket
import sys
from dataclasses import asdict, dataclass, field
from typing import NoReturn, Self

from djbundle.errors import HandoverError
from djbundle.runtime.net.sockets import Listeners
from djbundle.runtime.process.forking import STOP_SIGNALS

VARIABLE = "DJBUNDLE_HANDOVER"
# In a variable of its own: an older version raises TypeError for a field of Handover that it does not know.
LEAVING_TOO = "DJBUNDLE_LEAVING_TOO"
PROTOCOL = 3
UNDERSTOOD = (2, PROTOCOL)  # the other one had no heart


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Numbers are descriptors, or process ids."""

    protocol: int = PROTOCOL
    site: list[list[int]]  # for each address
    redirect: int | None
    metrics: int | None = None
    heart: int | None = None  # of the process that serves, or is about to
    # For a candidate:
    status: int | None = None  # it tells how far it is
    go: int | None = None  # and is told to go on
    # For the supervisor itself:
    lock: int | None = None
    app: int | None = None  # the process that serves
    leaving: int | None = None  # the process that served, and is on its way out
    leaving_too: list[int] = field(default_factory=list)  # those before it, which have been told to stop

    @classmethod
    def take(cls) -> Self | None:
        """What this process was given, if it was."""
        text = os.environ.pop(VARIABLE, None)
        if text is None:
            return None
        given = json.loads(text)
        leaving_too = json.loads(os.environ.pop(LEAVING_TOO, "[]"))
        if given.get("protocol") not in UNDERSTOOD:
            raise HandoverError(
                "the running version hands over in a way that this one does not know", "stop it, and start this one"
            )
        return cls(**given | {"protocol": PROTOCOL, "leaving_too": leaving_too})

    @classmethod
    def of(cls, listeners: Listeners, lock: int) -> Self:
        """Whose descriptors are no longer those of the sockets."""

        def number(listener: socket.socket | None) -> int | None:
            return listener.detach() if listener else None

        return cls(
            site=[[listener.detach() for listener in sockets] for sockets in listeners.site],
            redirect=number(listeners.redirect),
            metrics=number(listeners.metrics),
            lock=lock,
        )

    def open_listeners(self) -> Listeners:
        """To be called once: the sockets own their descriptors."""

        def opened(number: int | None) -> socket.socket | None:
            return None if number is None else socket.socket(fileno=number)

        return Listeners(
            site=[[socket.socket(fileno=number) for number in numbers] for numbers in self.site],
            redirect=opened(self.redirect),
            metrics=opened(self.metrics),
        )

    @property
    def descriptors(self) -> list[int]:
        given = (*itertools.chain(*self.site), self.redirect, self.metrics, self.heart, self.status, self.go, self.lock)
        return [number for number in given if number is not None]

    def close_on_exec(self) -> None:
        """Descriptors came across one exec, and shall come across no other."""
        for number in self.descriptors:
            os.set_inheritable(number, False)


def execute(program: str, handover: Handover) -> NoReturn:
    """Become `program`, with the words of this command line. Stop signals wait until that listens to them."""
    for number in handover.descriptors:
        os.set_inheritable(number, True)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    sys.stdout.flush()
    sys.stderr.flush()
    fields = asdict(handover)
    leaving_too = json.dumps(fields.pop("leaving_too"))
    environment = os.environ | {VARIABLE: json.dumps(fields), LEAVING_TOO: leaving_too}
    os.execve(program, _words(program), environment)  # noqa: S606 - no shell


def _words(program: str) -> list[str]:
    return [program, *sys.argv[1:]]
