"""The pipe between the worker and a process: pickled messages, each preceded by its length.

The worker never waits for a process, neither to send a message nor to receive the rest of one: a task may hold the
interpreter of its process for minutes, or stop the process.
"""

import os
import pickle
import socket
import struct
from typing import Any

LENGTH = struct.Struct("!Q")
PIECE = 1 << 18  # bytes in one read
PIECES = 64  # reads in a turn, so that one process does not keep the worker from the others


def _packed(message: object) -> bytes:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(data)) + data


class WorkerEnd:
    """The worker's end. It sends what the socket takes, and keeps the rest for `flush`."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._unsent = bytearray()
        self._received = bytearray()

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
        if not is_open and not messages:
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
        messages, at = [], 0
        while len(self._received) - at >= LENGTH.size:
            begin = at + LENGTH.size
            end = begin + LENGTH.unpack_from(self._received, at)[0]
            if end > len(self._received):
                break
            messages.append(_unpacked(memoryview(self._received)[begin:end]))
            at = end
        del self._received[:at]
        return messages

    def close(self) -> None:
        self._end.close()


def _unpacked(data: memoryview) -> Any:
    """Return a message. Raise EOFError for other data: a task wrote into the file, and nothing after it can be read."""
    try:
        with data:
            return pickle.loads(data)  # noqa: S301 - from our own process
    except Exception as error:
        raise EOFError from error


class ProcessEnd:
    """The end of the process, which may block since the process has nothing else to do.

    One thread receives. Any thread may send, one at a time. It is no Python file object: the lock of that would be held
    for ever in a process that is forked while a thread reads.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, message: object) -> None:
        self._end.sendall(_packed(message))

    def receive(self) -> Any:
        """Return the next message. Raise EOFError if none will come."""
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        return pickle.loads(self._read(length))  # noqa: S301 - from the worker

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
