"""Why a process has died: its last error, or the meaning of the signal that killed it."""

import mmap
import signal
from collections.abc import Sequence

LONGEST = 500  # bytes of a last error
SHOWN = 5  # requests that are listed
MEANINGS = {
    signal.SIGSEGV: "a library written in C has crashed",
    signal.SIGABRT: "a library written in C has given up",
    signal.SIGBUS: "a file was cut off while it was in use, or there is no memory",
    signal.SIGILL: "this processor lacks what a library was compiled for",
}


class LastWords:
    """The last error of a process, in memory shared with its parent. Make it before the fork."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, LONGEST)

    def say(self, error: BaseException) -> None:
        text = " ".join(f"{type(error).__name__}: {error}".split()).encode()[:LONGEST]
        self._memory[:] = text.ljust(LONGEST, b"\0")

    def take(self) -> str:
        """Return the last error, and clear it for the next process."""
        said = self._memory[:].rstrip(b"\0").decode(errors="replace")
        self._memory[:] = bytes(LONGEST)
        return said


def describe(code: int, said: str, *, no_memory: bool, asked: Sequence[str] = ()) -> str:
    """Return why a process has ended. `code` is that of os.waitstatus_to_exitcode().

    `no_memory`: the kernel has killed a process for lack of memory meanwhile. `asked` are the requests that the process
    was answering, see in_flight.py.
    """
    return how(code, said, no_memory=no_memory) + while_answering(asked)


def how(code: int, said: str, *, no_memory: bool) -> str:
    if code >= 0:
        return f"ended with code {code}" + (f", {said}" if said else "")
    number = signal.Signals(-code)
    meaning = "there was no memory left" if no_memory and number == signal.SIGKILL else MEANINGS.get(number)
    return f"was killed by {number.name}" + (f": {meaning}" if meaning else "")


def while_answering(asked: Sequence[str]) -> str:
    """Name the requests in progress. If there are several, the cause among them is unknown."""
    if not asked:
        return ""
    more = f" and {len(asked) - SHOWN} more" if len(asked) > SHOWN else ""
    return f" while answering {', '.join(asked[:SHOWN])}{more}"
