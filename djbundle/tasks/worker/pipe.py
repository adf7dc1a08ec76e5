"""Between the worker and one of its processes: messages, pickled, each with its length before it.

The worker never waits for a process, neither to be heard nor to hear the rest of a message: a task may hold the
interpreter of its process for minutes, or stop it.
"""

import os
import pickle
import socket
import struct
from typing import Any

LENGTH = struct.Struct("!Q")
PIECE = 1 << 18  # bytes that are read at once
PIECES = 64  # that are read in a turn, so that one process does not keep the worker from the others


def _packed(message: object) -> bytes:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(data)) + data


class WorkerEnd:
    """Sends what the socket takes, and keeps the rest for `flush`."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._unsent = bytearray()
        self._received = bytearray()

    def fileno(self) -> int:
        return self._end.fileno()

    @property
    def is_waiting(self) -> bool:
        """Whether something is left to send."""
        return bool(self._unsent)

    def send(self, message: object) -> None:
        """To one that has died too: that is seen by `receive`."""
        self._unsent += _packed(message)
        self.flush()

    def flush(self) -> None:
        while self._unsent:
            try:
                sent = self._end.send(self._unsent, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except OSError:
                self._unsent.clear()
                return
            del self._unsent[:sent]

    def receive(self) -> list[Any]:
        """The messages that have come in by now; EOFError when there are none and will be none."""
        is_open = self._read()
        messages = self._messages()
        if not is_open and not messages:
            raise EOFError
        return messages

    def _read(self) -> bool:
        """False when the other end is closed."""
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
    """EOFError for what is no message: a task has written into the file, and nothing behind it can be read."""
    try:
        with data:
            return pickle.loads(data)  # noqa: S301 - from our own process
    except Exception as error:
        raise EOFError from error


class ProcessEnd:
    """Waits, as the process has nothing else to do; one thread receives, any of them sends, one at a time.

    No file of Python's is used: its lock would be held for ever in a process that is forked while one thread reads.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, message: object) -> None:
        self._end.sendall(_packed(message))

    def receive(self) -> Any:
        """The next message; EOFError when there will be none."""
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
        """In a process that was forked from this one; without a word to the worker."""
        if self._end.fileno() >= 0:
            os.close(self._end.detach())


def pair() -> tuple[WorkerEnd, socket.socket]:
    """The worker's end, and the socket of the process, which makes a ProcessEnd of it."""
    ours, its = socket.socketpair()
    return WorkerEnd(ours), its
