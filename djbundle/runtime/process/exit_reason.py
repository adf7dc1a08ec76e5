"""The reason for which a process has died: its last error, or the meaning of the signal that killed it."""

import mmap
import signal
from collections.abc import Mapping, Sequence

from djbundle.contract import request_names, verification
from djbundle.runtime.core.verify_mode import is_verify_mode
from djbundle.runtime.logs.formats import error_line

MAX_ERROR_LENGTH = 500  # bytes of a last error
MAX_REQUESTS = 5  # requests that are listed
SIGNAL_MEANINGS = {
    signal.SIGSEGV: "a library written in C has crashed",
    signal.SIGABRT: "a library written in C has given up",
    signal.SIGBUS: "a file was cut off while it was in use, or there is no memory",
    signal.SIGILL: "this processor lacks what a library was compiled for",
}


class LastError:
    """The last error of a process, in memory shared with its parent. Make it before the fork."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, MAX_ERROR_LENGTH)

    def record(self, error: BaseException) -> None:
        text = error_line(error).encode()[:MAX_ERROR_LENGTH]
        self._memory[:] = text.ljust(MAX_ERROR_LENGTH, b"\0")

    def take(self) -> str:
        """Return the last error, and clear it for the next process."""
        last_error = self._memory[:].rstrip(b"\0").decode(errors="replace")
        self._memory[:] = bytes(MAX_ERROR_LENGTH)
        return last_error


def describe_exit(code: int, last_error: str, *, is_out_of_memory: bool, requests: Sequence[str] = ()) -> str:
    """Return why a process has ended. `code` is that of os.waitstatus_to_exitcode().

    `is_out_of_memory`: the kernel has killed a process for lack of memory meanwhile. `requests` are those that the
    process was answering, see in_flight.py.
    """
    return describe_status(code, last_error, is_out_of_memory=is_out_of_memory) + while_answering(requests)


def describe_status(code: int, last_error: str, *, is_out_of_memory: bool) -> str:
    if code >= 0:
        return f"ended with code {code}" + (f", {last_error}" if last_error else "")
    number = signal.Signals(-code)
    meaning = (
        "there was no memory left" if is_out_of_memory and number == signal.SIGKILL else SIGNAL_MEANINGS.get(number)
    )
    return f"was killed by {number.name}" + (f": {meaning}" if meaning else "")


def while_answering(requests: Sequence[str]) -> str:
    """Name the requests in progress. If there are several, the cause among them is unknown."""
    if not requests:
        return ""
    more = f" and {len(requests) - MAX_REQUESTS} more" if len(requests) > MAX_REQUESTS else ""
    return f" while answering {', '.join(requests[:MAX_REQUESTS])}{more}"


def death_fields(name: str, cause: str, requests: Sequence[str]) -> Mapping[str, str]:
    """Return the fields by which the builder recognises the log line of a death. There are none outside verify mode."""
    if not is_verify_mode():
        return {}
    return {
        verification.DEAD_PROCESS: name,
        verification.DEATH_CAUSE: cause,
        verification.DEATH_REQUESTS: request_names.SEPARATOR.join(requests),
    }
