"""The control socket of `serve`, in its data directory: a command sends one line of JSON, and reads lines of JSON.

Only users who may write to the data directory can reach the socket. Any process of the site's user may listen there,
so a command asks the kernel which process it is connected to.
"""

import contextlib
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from djbundle.errors import NotServingError
from djbundle.runtime.handover.messages import Message, SiteStatus, read_message
from djbundle.runtime.process.lock import is_locked
from djbundle.runtime.process.supervisor import Supervisor

NAME = "control.sock"
LONGEST = 65536  # bytes of a request, and of each line of an answer
ATTEMPTS, PAUSE = 20, 0.1  # seconds
PATIENCE = 600.0  # seconds that a command waits for the next line
QUICK = 10.0  # seconds that `status` and `healthcheck` wait; the supervisor answers them at once

MOMENT = 0.001  # seconds; a socket takes 0 for "do not wait"

CREDENTIALS = struct.Struct("iII")  # struct ucred of unix(7)


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that listens at the other end, as the kernel reports it."""

    pid: int  # 0 if it is in another container
    uid: int

    @classmethod
    def of(cls, connection: socket.socket) -> "Peer":
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        pid, uid, _gid = CREDENTIALS.unpack(raw)
        return cls(pid, uid)


Check = Callable[[Peer], None]


class NobodyAnswersError(NotServingError):
    """No process listens on the control socket, or it has closed the connection."""


class Caller:
    """A command that has sent a request, as `serve` sees it. It is no error if the command does not read the answer."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def tell(self, **message: Any) -> None:
        with contextlib.suppress(OSError):
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        self._connection.close()


Answer = Callable[[Message, Caller], None]


class Control:
    """The control socket, watched by the supervisor's loop. `answer` is called with each request."""

    def __init__(self, data: Path, supervisor: Supervisor, answer: Answer) -> None:
        self._supervisor = supervisor
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _short_path(data) as path:
            path.unlink(missing_ok=True)  # left by a killed server: we hold the lock
            self._listener.bind(str(path))
        self._listener.listen()
        supervisor.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setblocking(False)
        self._supervisor.add_reader(connection.fileno(), lambda: self._read(connection))

    def _read(self, connection: socket.socket) -> None:
        """Read a request, and answer it. A request that does not arrive at once and complete is dropped."""
        self._supervisor.remove_reader(connection.fileno())
        try:
            request = read_message(connection.recv(LONGEST))
        except (OSError, ValueError):  # any user who may write to the data directory can send anything
            connection.close()
            return
        connection.setblocking(True)
        connection.settimeout(1.0)  # in case the command does not read
        self._answer(request, Caller(connection))


def ask(data: Path, check: Check = lambda _peer: None, **request: Any) -> Iterator[Message]:
    """Yield the answers of the `serve` of this data directory as they arrive. Raise NotServingError on failure.

    `check` may reject the listening process before anything is sent.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        patience = QUICK if request.get("command") == "status" else PATIENCE
        connection.settimeout(patience)
        try:
            with _short_path(data) as path:
                connection.connect(str(path))
            check(Peer.of(connection))
            connection.sendall(json.dumps(request).encode())
            for line in _lines(connection, patience):
                yield understood(read_message, line, data)
        except TimeoutError as error:
            raise NotServingError(
                f"the `serve` of {data} does not answer within {patience:.0f} s",
                "it hangs: look at its log, and restart it",
            ) from error
        except OSError as error:
            raise NobodyAnswersError(
                f"no `serve` answers in {data}: {error.strerror}", "start it, or name its folder with  --data-dir DIR"
            ) from error


def _lines(connection: socket.socket, patience: float) -> Iterator[bytes]:
    """Yield each line up to the end, cut if too long. Raise TimeoutError if one takes longer than `patience`."""
    buffer, end = b"", time.monotonic() + patience
    while True:
        line, newline, rest = buffer.partition(b"\n")
        if newline or len(line) > LONGEST:
            yield line[:LONGEST]
            buffer, end = rest, time.monotonic() + patience
            continue
        connection.settimeout(max(end - time.monotonic(), MOMENT))
        part = connection.recv(LONGEST)
        if not part:
            break
        buffer += part
        if time.monotonic() > end:
            raise TimeoutError
    if buffer:
        yield buffer


def understood[Form, Record](read: Callable[[Form], Record], answer: Form, data: Path) -> Record:
    """Return what `read` makes of this answer. Raise NotServingError for an answer that no `serve` sends."""
    try:
        return read(answer)
    except ValueError as error:
        raise NotServingError(
            f"what answers in {data} is no `serve`: {error}", "stop the site, and look who put it there"
        ) from error


def ask_status(data: Path, check: Check = lambda _peer: None) -> SiteStatus:
    """Return the status that `serve` reports. Raise NotServingError on failure.

    While `serve` becomes another program, it drops its connections, and for a moment no process listens: try again.
    """
    for _ in range(ATTEMPTS):
        try:
            for answer in ask(data, check, command="status"):
                return understood(SiteStatus.of, answer, data)
        except NobodyAnswersError:
            if not is_locked(data):
                raise
        time.sleep(PAUSE)
    raise NotServingError(f"the `serve` of {data} does not say how it is", "look at its log")


@contextlib.contextmanager
def _short_path(data: Path) -> Iterator[Path]:
    """Yield a short path of the socket, however long the folder's path is: the kernel takes 107 bytes."""
    try:
        folder = os.open(data, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotServingError(f"there is no folder {data}", "name another with  --data-dir DIR") from error
    try:
        yield Path(f"/proc/self/fd/{folder}") / NAME
    finally:
        os.close(folder)
