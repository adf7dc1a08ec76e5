"""A process beside the worker that talks to the broker, so that a broker that hangs does not hold up the worker.

It is connected with the worker by a pair of sockets, on which lines are sent. It ends when the worker does. After an
error it ends too, and a new one takes its place: that also replaces every connection in a bad state.
"""

import contextlib
import gc
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from djbundle.common.database_connections import close_connections
from djbundle.common.endings import disable_inherited_finalizers
from djbundle.common.processes import die_with_parent
from djbundle.tasks.store.outcome import error_entry

logger = logging.getLogger("djbundle.tasks")

MIN_DELAY, MAX_DELAY = 0.2, 5.0  # seconds before it is started again, doubled with each failure
FINISH_TIMEOUT = 3.0  # seconds for it to handle what it was sent
STABLE_SECONDS = 10.0  # after which a start counts as a success

Run = Callable[[socket.socket], object]


@dataclass
class HelperProcess:
    """A process that runs `run` with its end of the pair of sockets. `close_in_child` closes what it inherits."""

    name: str
    run: Run
    selector: selectors.BaseSelector
    close_in_child: Callable[[], None]
    on_line: Callable[[bytes], None]
    on_start: Callable[[], None] = lambda: None
    pid: int = 0
    _socket: socket.socket | None = None
    _received: bytearray = field(default_factory=bytearray)
    _started_at: float = 0.0
    _delay: float = 0.0
    _retry_at: float = 0.0

    def start_if_missing(self) -> None:
        """Start it unless it runs, or has ended only a moment ago."""
        if not self.pid and time.monotonic() >= self._retry_at:
            self._start()

    def _start(self) -> None:
        close_connections()
        ours, its = socket.socketpair()
        parent, pid = os.getpid(), os.fork()
        if not pid:
            ours.close()
            self.close_in_child()
            _run(self.name, self.run, its, parent)
        its.close()
        ours.setblocking(False)
        self.pid, self._socket, self._received, self._started_at = pid, ours, bytearray(), time.monotonic()
        self.selector.register(ours, selectors.EVENT_READ, self._receive)
        self.on_start()

    def send(self, line: bytes) -> None:
        """Send a line; if it has ended, that is noticed later."""
        if self._socket:
            with contextlib.suppress(OSError):
                self._socket.sendall(line + b"\n")

    def _receive(self) -> None:
        assert self._socket  # noqa: S101 - else it is not watched
        try:
            received = self._socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._reap()
            return
        self._received += received
        if b"\n" in received:  # a long line comes in many parts; it is searched once
            *lines, rest = bytes(self._received).split(b"\n")
            self._received = bytearray(rest)
            for line in lines:
                self.on_line(line)

    def _reap(self) -> None:
        was_stable = time.monotonic() - self._started_at > STABLE_SECONDS
        self.stop()
        self._delay = MIN_DELAY if was_stable else min(MAX_DELAY, max(MIN_DELAY, 2 * self._delay))
        self._retry_at = time.monotonic() + self._delay

    def finish(self) -> None:
        """Let it handle what it was sent, and wait until it has ended, for a limited time."""
        if not self._socket or not self.pid:
            return
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + FINISH_TIMEOUT
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    self.pid = 0
                    return
            time.sleep(0.01)

    def stop(self) -> None:
        """End it now. No data is lost."""
        self.close()
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        self.pid = 0

    def close(self) -> None:
        """Close the worker's end, here or in a forked process."""
        if self._socket:
            with contextlib.suppress(KeyError, ValueError):
                self.selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    @property
    def seconds_left(self) -> float:
        """The seconds until it is started again."""
        return float("inf") if self.pid else max(0.0, self._retry_at - time.monotonic())


def _run(name: str, run: Run, its: socket.socket, parent: int) -> NoReturn:
    """Do all that the forked process does."""
    try:
        die_with_parent(parent)
        for number in (signal.SIGINT, signal.SIGTERM):  # the worker ends it
            signal.signal(number, signal.SIG_IGN)
        disable_inherited_finalizers()
        gc.freeze()  # the garbage collector does not scan what the worker has loaded, which would hold up messages
        run(its)
    except BaseException as error:
        logger.error("%s: %s", name, error_entry(error)["traceback"].rstrip())
    finally:
        logging.shutdown()
        os._exit(0)
