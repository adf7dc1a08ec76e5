"""What one WebSocket holds in memory: a message that is not whole, those that the site has, and what Granian keeps.

Granian does not tell how much of a message has come. But the kernel tells how many bytes this process has read, and a
whole message is seen. When the site gets one, nothing that was read before belongs to another, beside the 128 KB that
Granian reads ahead: so what is read from then on belongs to the next.
"""

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from djbundle.runtime.http.protocol.rate import SLOWEST
from djbundle.runtime.http.protocol.transport import Connection

BEFORE = 1 << 20  # bytes of what came before the first message: browsers make a connection for each WebSocket
SMALL = 64 << 10  # bytes; what is no larger is part of the cost of a WebSocket, for which Granian has 128 KB ready
LARGEST_FRAME = 16 << 20  # bytes, in Granian
OF_FRAME = 64  # bytes of the heads of frames (RFC 6455, 5.2), for each message; and a sixteenth of it
MOST_OF_FRAMES = 1 << 20  # bytes of the heads of frames, from one mark to the next


@dataclass(slots=True, eq=False)
class Arrivals:
    """Counts what one WebSocket has sent, and what waits for it. All in bytes."""

    connection: Connection = ("", 0)
    client: str = ""  # its address, as far as trusted proxies say
    is_proxys: bool = False  # which may have had many requests before
    is_known: bool = False  # it is known what had been read when it began
    is_marked: bool = False  # a message was seen since the last look, and what had been read by then
    before: int = 0  # read, of messages that are whole
    payload: int = 0  # of whole messages since `before` was found
    messages: int = 0
    unfinished: int = 0
    largest: int = 0  # message that has come
    at_site: int = 0  # of the last message, which most sites keep until they have the next
    sending: int = 0
    largest_sent: int = 0
    weighed: int = 0  # of `held`, counted for its client
    is_cut: bool = False
    taken: int = 0  # by the client, as the kernel has told last
    since: float = 0.0  # when the client was seen to take something, monotonic seconds; and what it had taken then
    taken_then: int = 0
    on_cut: Any = field(default=bool)  # called without arguments

    # --- what is not whole ---

    def add_whole(self, size: int, in_memory: int) -> None:
        """Count a message that the site gets."""
        self.payload += size
        self.messages += 1
        self.largest = max(self.largest, size)
        self.at_site = in_memory

    def mark(self, read: int) -> None:
        """Take what was read when the last message was seen."""
        self.is_known = self.is_marked = True
        self.before, self.payload, self.messages, self.unfinished = read, 0, 0, 0

    def note(self, read: int) -> None:
        """Take what the kernel tells now and then: bytes that were read, in all."""
        if not self.is_known:
            self.is_known = True
            self.before = read if self.is_proxys else BEFORE
        of_frames = min(self.payload // 16 + OF_FRAME * self.messages, MOST_OF_FRAMES)
        self.before = min(read, self.before + self.payload + of_frames)
        self.unfinished = read - self.before
        self.payload = self.messages = 0
        self.is_marked = False

    # --- what is in memory ---

    @property
    def held(self) -> int:
        """Granian keeps the room of the largest frame that has come, and of the largest message that it has sent. Of
        the latter only so much counts as the client has sent too: no client can help what a site tells all of them.
        """
        kept, echoed = min(self.largest, LARGEST_FRAME), min(self.largest, self.largest_sent)
        sent = max(self.sending, echoed)
        return self.unfinished + sum(size for size in (kept, self.at_site, sent) if size > SMALL)

    # --- what is sent ---

    def begin_to_send(self, size: int) -> None:
        if not self.sending:
            self.see_progress()
        self.sending += size
        self.largest_sent = max(self.largest_sent, size)

    def has_sent(self, size: int) -> None:
        self.sending -= size
        self.see_progress()

    def see_progress(self) -> None:
        self.since, self.taken_then = time.monotonic(), self.taken

    def is_stalled(self, seconds: float) -> bool:
        """Return whether for so long its client has taken next to nothing of what it was sent."""
        if not self.sending or time.monotonic() - self.since < seconds:
            return False
        if self.taken - self.taken_then < SLOWEST * seconds:
            return True
        self.see_progress()
        return False


def payload_of(message: dict[str, Any]) -> int:
    """Return how many bytes of a message of ASGI are sent: a text goes as UTF-8."""
    text, content = message.get("text"), message.get("bytes")
    if isinstance(text, str):
        return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return len(content) if isinstance(content, bytes | bytearray | memoryview) else 0


def memory_of(message: dict[str, Any]) -> int:
    """Return what it takes in Python: one rare letter makes each letter of a text four times as large."""
    return sum(sys.getsizeof(message.get(kind)) for kind in ("text", "bytes"))
