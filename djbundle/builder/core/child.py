"""Runs code in a forked process, for its result alone: what it loads, changes or breaks ends with that process."""

import os
import select
import signal
from collections.abc import Callable

MARK = b"+"  # begins the result, so that an empty one is not taken for the end of the process
MAX_SIZE = 4096  # bytes that a pipe takes in one piece: PIPE_BUF, see pipe(7)


class ChildDiedError(Exception):
    """The process ended before it had a result."""


def run_in_child(work: Callable[[], str], timeout: float | None = None) -> str:
    """Return what `work` returns in a child process, cut to 4 KB.

    Raise TimeoutError after `timeout` seconds, and ChildDiedError if `work` raises an exception or ends the process.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writer, (MARK + work().encode())[:MAX_SIZE])
        finally:
            os._exit(0)
    os.close(writer)
    try:
        if not select.select([reader], [], [], timeout)[0]:
            raise TimeoutError
        result = os.read(reader, MAX_SIZE)
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not result:
        raise ChildDiedError
    return result.removeprefix(MARK).decode(errors="replace")
