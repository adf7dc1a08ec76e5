"""The requests that a web process is answering, in memory shared with its parent, which reads them after a crash.

A note survives SIGSEGV and SIGKILL: the memory is shared, and nothing has to be sent. It costs a copy of up to 254
bytes for each request. The query string is not kept: it may contain secrets.
"""

import mmap
import struct
from collections import deque

from djbundle.contract.request_names import quote_request

NOTES = 512  # requests noted at once; among more, the one that crashed could not be identified
NOTE = struct.Struct("254s")  # pads with zeros, and cuts what is longer
NO_PLACE = -1  # of a request that is not noted


class InFlight:
    """The notes of one process, for all its threads. The parent makes it before the fork."""

    def __init__(self, notes: int = NOTES) -> None:
        self._memory = mmap.mmap(-1, notes * NOTE.size)
        self._free = deque(range(0, notes * NOTE.size, NOTE.size))  # free places; a deque's methods are atomic

    def begin(self, request: bytes) -> int:
        """Note a request, as in b"GET /path", when its answer begins. Return its place for `end`.

        The path is raw or percent-decoded.
        """
        try:
            place = self._free.pop()
        except IndexError:
            return NO_PLACE
        NOTE.pack_into(self._memory, place, request)
        return place

    def end(self, place: int) -> None:
        """Remove the note when the answer is sent or aborted. Call it once, in any thread."""
        if place != NO_PLACE:
            self._memory[place] = 0
            self._free.append(place)

    def take(self) -> list[str]:
        """Return the unfinished requests of an exited process, and clear them for the next. The parent calls it."""
        noted = self.noted()
        self._memory[:] = bytes(len(self._memory))
        return noted

    def noted(self) -> list[str]:
        """Return the noted requests as "GET /path", safe to print."""
        return sorted({_shown(note) for (note,) in NOTE.iter_unpack(self._memory[:]) if note[0]})


def _shown(note: bytes) -> str:
    """Return a note in quoted form, so it cannot look like another log line or like our own words."""
    method, _, path = note.rstrip(b"\0").partition(b" ")
    return quote_request(method, path) + ("..." if note[-1] else "")
