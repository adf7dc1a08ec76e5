"""Which requests a web process is answering, in memory that its parent sees: they are read when it has died of one.

A note outlives SIGSEGV and SIGKILL, since the memory is shared and nothing has to be sent. It costs a copy of up to 254
bytes for each request. The query is not kept: secrets stand in it.
"""

import mmap
import struct
from collections import deque
from urllib.parse import quote

NOTES = 512  # requests at once that are noted; of others nobody would know which one it was
NOTE = struct.Struct("254s")  # pads with zeros, and cuts what is longer
AS_IN_A_URL = "/:@!$&'()*+,=~%"
NONE = -1


class InFlight:
    """Of one process, for all of its threads; to be made by the parent, before the fork."""

    def __init__(self, notes: int = NOTES) -> None:
        self._memory = mmap.mmap(-1, notes * NOTE.size)
        self._free = deque(range(0, notes * NOTE.size, NOTE.size))  # where the next ones go; its methods are atomic

    def begin(self, method: str, path: bytes) -> int:
        """Note a request when its answer begins; what `end` wants. `path` is as it came, or percent-decoded."""
        try:
            place = self._free.pop()
        except IndexError:
            return NONE
        NOTE.pack_into(self._memory, place, b"%b %b" % (method.encode("ascii", "replace"), path))
        return place

    def end(self, place: int) -> None:
        """When the answer is sent, or was given up; in any thread, once."""
        if place != NONE:
            self._memory[place] = 0
            self._free.append(place)

    def take(self) -> list[str]:
        """By the parent, when the process has ended: what it had not ended. Once: the next has not been asked that."""
        noted = self.noted()
        self._memory[:] = bytes(len(self._memory))
        return noted

    def noted(self) -> list[str]:
        """As "GET /path", safe to print."""
        return sorted({_shown(note) for (note,) in NOTE.iter_unpack(self._memory[:]) if note[0]})


def _shown(note: bytes) -> str:
    """Nothing in it can look like another line or like words of ours: a space is %20."""
    method, _, path = note.rstrip(b"\0").partition(b" ")
    cut = "..." if note[-1] else ""
    return f"{quote(method)} {quote(path.partition(b'?')[0], safe=AS_IN_A_URL)}{cut}"
