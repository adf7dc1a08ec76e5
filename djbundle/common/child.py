"""Runs code in a forked process, for its result alone: what it loads, changes or breaks ends with that process."""

import os
import select
import signal
import sys
from collections.abc import Callable

from djbundle.common.processes import die_with_parent

MARK = b"+"  # begins the result, so that an empty one is not taken for the end of the process
MAX_SIZE = 4096  # bytes that a pipe takes in one piece: PIPE_BUF, see pipe(7)


class ChildDiedError(Exception):
    """The process ended before it had a result. `code` is that of os.waitstatus_to_exitcode()."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


def run_in_child(work: Callable[[], str], timeout: float | None = None) -> str:
    """Return what `work` returns in a child process, cut to 4 KB.

    Raise TimeoutError after `timeout` seconds, and ChildDiedError if `work` raises an exception or ends the process.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if not child:
        _report_and_exit(work, writer, parent)
    os.close(writer)
    try:
        if not select.select([reader], [], [], timeout)[0]:
            raise TimeoutError
        result = os.read(reader, MAX_SIZE)
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if not result:
        raise ChildDiedError(os.waitstatus_to_exitcode(status))
    return result.removeprefix(MARK).decode(errors="replace")


def _report_and_exit(work: Callable[[], str], writer: int, parent: int) -> None:
    """Do all that the child does."""
    code = 1
    try:
        die_with_parent(parent)
        os.write(writer, (MARK + work().encode())[:MAX_SIZE])
        code = 0
    finally:
        os._exit(code)
