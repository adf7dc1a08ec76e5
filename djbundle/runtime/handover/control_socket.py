"""The control socket of `serve`, in its data directory: a command sends one line of JSON, and reads lines of JSON.

Only the site's user and root may connect. Any process of the site's user may listen there, so a command asks the kernel
which process it is connected to.
"""

import contextlib
import json
import os
import socket
import struct
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from djbundle.errors import NotServingError
from djbundle.runtime.core.data_directory import own_name
from djbundle.runtime.handover.messages import Message, SiteStatus, read_message
from djbundle.runtime.logs.lines import write
from djbundle.runtime.process.lock import is_served
from djbundle.runtime.process.privileges import with_umask
from djbundle.runtime.process.supervisor import Supervisor

NAME = "control.sock"
MAX_MESSAGE_SIZE = 65536  # bytes of a request, and of each line of an answer
MAX_ATTEMPTS, RETRY_INTERVAL = 20, 0.1  # seconds
MESSAGE_TIMEOUT = 600.0  # seconds that a command waits for the next line
STATUS_TIMEOUT = 10.0  # seconds that `status` and `healthcheck` wait; the supervisor answers them at once

MAX_WAITING = 16  # connections on which no request has come; beyond that, the oldest is dropped
REQUEST_TIMEOUT = 5.0  # seconds for a request to come after its connection
OWNER_ONLY = 0o177  # umask: other users may not connect, whatever the folder permits
SHORTEST_TIMEOUT = 0.001  # seconds; a socket takes 0 for "do not wait"

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


PeerCheck = Callable[[Peer], None]


class UnreachableError(NotServingError):
    """No process listens on the control socket, or it has closed the connection."""


class ControlClient:
    """A command that has sent a request, as `serve` sees it. It need not read the answer."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, **message: Any) -> None:
        with contextlib.suppress(OSError):
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        self._connection.close()


CommandHandler = Callable[[Message, ControlClient], None]


class ControlSocket:
    """The control socket, watched by the supervisor's loop. `handler` is called with each request.

    Any process of the site's user may connect, also a task or a page, and send anything. This neither ends the
    supervisor nor uses up its descriptors. Other users cannot connect.
    """

    def __init__(self, data: Path, supervisor: Supervisor, handler: CommandHandler) -> None:
        self._supervisor = supervisor
        self._handler = handler
        self._waiting: dict[socket.socket, float] = {}  # connections without a request: until when, monotonic seconds
        self._is_checked = False  # _drop_late will be called
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with own_name(data / NAME), _short_path(data) as path, with_umask(OWNER_ONLY):
            path.unlink(missing_ok=True)  # left by a killed server: we hold the lock
            self._listener.bind(str(path))
        self._listener.setblocking(False)
        self._listener.listen()
        supervisor.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # no descriptor is left, or the client has gone
            self._drop_oldest()
            return
        if Peer.of(connection).uid not in (0, os.geteuid()):
            connection.close()
            return
        connection.setblocking(False)
        if len(self._waiting) >= MAX_WAITING:
            self._drop_oldest()
        if not self._is_checked:
            self._is_checked = True
            self._supervisor.call_at(time.monotonic() + REQUEST_TIMEOUT, self._drop_late)
        self._waiting[connection] = time.monotonic() + REQUEST_TIMEOUT
        self._supervisor.add_reader(connection.fileno(), lambda: self._read(connection))

    def _drop_oldest(self) -> None:
        """Make room for another connection."""
        if oldest := next(iter(self._waiting), None):
            self._stop_waiting(oldest)
            oldest.close()

    def _drop_late(self) -> None:
        """Drop connections that sent nothing in time, and look again as long as any waits."""
        now = time.monotonic()
        for connection in [each for each, until in self._waiting.items() if until <= now]:
            self._stop_waiting(connection)
            connection.close()
        self._is_checked = bool(self._waiting)
        if self._waiting:
            self._supervisor.call_at(min(self._waiting.values()), self._drop_late)

    def _stop_waiting(self, connection: socket.socket) -> None:
        del self._waiting[connection]
        self._supervisor.remove_reader(connection.fileno())

    def _read(self, connection: socket.socket) -> None:
        """Read a request, and answer it. A request that does not arrive at once and complete is dropped."""
        if connection not in self._waiting:  # dropped in this turn of the loop
            return
        self._stop_waiting(connection)
        try:
            request = read_message(connection.recv(MAX_MESSAGE_SIZE))
        except (OSError, ValueError):  # any process of this user can send anything
            connection.close()
            return
        connection.setblocking(True)
        connection.settimeout(1.0)  # in case the command does not read
        try:
            self._handler(request, ControlClient(connection))
        except Exception:  # a fault of ours; the site goes on
            write("error", "serve", "a command failed", trace=traceback.format_exc())
            connection.close()


def send_command(data: Path, check_peer: PeerCheck = lambda _peer: None, **request: Any) -> Iterator[Message]:
    """Yield the answers of the `serve` of this data directory as they arrive. Raise NotServingError on failure.

    `check_peer` may reject the listening process before anything is sent.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        timeout = STATUS_TIMEOUT if request.get("command") == "status" else MESSAGE_TIMEOUT
        connection.settimeout(timeout)
        try:
            with _short_path(data) as path:
                connection.connect(str(path))
            check_peer(Peer.of(connection))
            connection.sendall(json.dumps(request).encode())
            for line in _read_lines(connection, timeout):
                yield parse_reply(read_message, line, data)
        except TimeoutError as error:
            raise NotServingError(
                f"the `serve` of {data} does not answer within {timeout:.0f} s",
                "it hangs: look at its log, and restart it",
            ) from error
        except OSError as error:
            raise UnreachableError(
                f"no `serve` answers in {data}: {error.strerror}", "start it, or name its folder with  --data-dir DIR"
            ) from error


def _read_lines(connection: socket.socket, timeout: float) -> Iterator[bytes]:
    """Yield each line up to the end, cut if too long. Raise TimeoutError if one takes longer than `timeout`."""
    buffer, deadline = b"", time.monotonic() + timeout
    while True:
        line, newline, rest = buffer.partition(b"\n")
        if newline or len(line) > MAX_MESSAGE_SIZE:
            yield line[:MAX_MESSAGE_SIZE]
            buffer, deadline = rest, time.monotonic() + timeout
            continue
        connection.settimeout(max(deadline - time.monotonic(), SHORTEST_TIMEOUT))
        part = connection.recv(MAX_MESSAGE_SIZE)
        if not part:
            break
        buffer += part
        if time.monotonic() > deadline:
            raise TimeoutError
    if buffer:
        yield buffer


def parse_reply[Form, Record](read: Callable[[Form], Record], reply: Form, data: Path) -> Record:
    """Return what `read` makes of this answer. Raise NotServingError for an answer that no `serve` sends."""
    try:
        return read(reply)
    except ValueError as error:
        raise NotServingError(
            f"the process that answers in {data} is not `serve`: {error}",
            "stop the site, and find out who put it there",
        ) from error


def request_status(data: Path, check_peer: PeerCheck = lambda _peer: None) -> SiteStatus:
    """Return the status that `serve` reports. Raise NotServingError on failure.

    While `serve` becomes another program, it drops its connections, and for a moment no process listens: try again.
    """
    for _ in range(MAX_ATTEMPTS):
        try:
            for reply in send_command(data, check_peer, command="status"):
                return parse_reply(SiteStatus.of, reply, data)
        except UnreachableError:
            if not is_served(data):
                raise
        time.sleep(RETRY_INTERVAL)
    raise NotServingError(f"the `serve` of {data} does not tell its status", "look at its log")


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
