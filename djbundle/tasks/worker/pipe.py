"""The pipe between the worker and a process: pickled messages, each preceded by a mark and its length.

The worker never waits for a process, neither to send a message nor to receive the rest of one: a task may hold the
interpreter of its process for minutes, or stop the process.

A task may also close the pipe, put another file in its place, or write into it. Both ends notice that, and the process
ends. Otherwise the worker would wait for ever for outcomes that cannot come.
"""

import errno
import os
import pickle
import socket
import struct
from typing import Any

HEADER = struct.Struct("!QQ")  # the mark, and the bytes of the message
MARK = 0x9E3779B97F4A7C15  # begins each message; any other number shows that a task wrote into the pipe
MAX_SIZE = 4 << 30  # bytes of a message; outcomes of many tasks, each of a few megabytes, are sent together
PIECE = 1 << 18  # bytes in one read
PIECES = 64  # reads in a turn, so that one process does not keep the worker from the others


def _packed(message: object) -> bytes:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(MARK, len(data)) + data


class WorkerEnd:
    """The worker's end. It sends what the socket takes, and keeps the rest for `flush`."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._unsent = bytearray()
        self._received = bytearray()
        self._is_damaged = False  # what comes can no longer be read

    def fileno(self) -> int:
        return self._end.fileno()

    @property
    def is_waiting(self) -> bool:
        """True if something is left to send."""
        return bool(self._unsent)

    def send(self, message: object) -> None:
        """Send a message, even to a dead process: `receive` reports that it died."""
        self._unsent += _packed(message)
        self.flush()

    def flush(self) -> None:
        while self._unsent:
            try:
                sent_bytes = self._end.send(self._unsent, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except OSError:
                self._unsent.clear()
                return
            del self._unsent[:sent_bytes]

    def receive(self) -> list[Any]:
        """Return the messages that have arrived. Raise EOFError if there are none and none will come."""
        is_open = self._read()
        messages = self._messages()
        if not messages and (self._is_damaged or not is_open):
            raise EOFError
        return messages

    def _read(self) -> bool:
        """Read what has arrived. Return False if the other end is closed."""
        for _ in range(PIECES):
            try:
                piece = self._end.recv(PIECE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not piece:
                return False
            self._received += piece
            if len(piece) < PIECE:
                return True
        return True

    def _messages(self) -> list[Any]:
        messages: list[Any] = []
        at = 0
        while len(self._received) - at >= HEADER.size and not self._is_damaged:
            mark, size = HEADER.unpack_from(self._received, at)
            begin, end = at + HEADER.size, at + HEADER.size + size
            if mark != MARK or size > MAX_SIZE:
                self._is_damaged = True
            elif end > len(self._received):
                break
            else:
                self._unpack(begin, end, messages)
                at = end
        del self._received[:at]
        return messages

    def _unpack(self, begin: int, end: int, messages: list[Any]) -> None:
        """Add the message between these bytes, unless it is none."""
        with memoryview(self._received)[begin:end] as data:
            try:
                messages.append(pickle.loads(data))  # noqa: S301 - from our own process
            except Exception:
                self._is_damaged = True

    def close(self) -> None:
        self._end.close()


class ProcessEnd:
    """The process's end of the pipe. It may block, since the process has nothing else to do.

    One thread receives. Any thread may send, one at a time. It is no Python file object: the lock of that would be held
    for ever in a process that is forked while a thread reads.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._inode = os.fstat(end.fileno()).st_ino

    def send(self, message: object) -> None:
        """Send a message. Raise OSError if the worker is gone, or if a task has closed or replaced the pipe."""
        if os.fstat(self._end.fileno()).st_ino != self._inode:
            raise OSError(errno.EBADF, "the pipe to the worker is another file now")
        self._end.sendall(_packed(message))

    def receive(self) -> Any:
        """Return the next message. Raise EOFError if none will come, and OSError as `send` does."""
        mark, size = HEADER.unpack(self._read(HEADER.size))
        if mark != MARK:
            raise EOFError
        return pickle.loads(self._read(size))  # noqa: S301 - from the worker

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        left = memoryview(data)
        while left:
            received = self._end.recv_into(left)
            if not received:
                raise EOFError
            left = left[received:]
        return data

    def close(self) -> None:
        """Close it in a process that was forked from this one, without a message to the worker."""
        if self._end.fileno() >= 0:
            os.close(self._end.detach())


def pair() -> tuple[WorkerEnd, socket.socket]:
    """Return the worker's end, and the socket of which the process makes a ProcessEnd."""
    ours, its = socket.socketpair()
    return WorkerEnd(ours), its
