"""What one WebSocket holds in memory: an incomplete message, messages that the site has, and what Granian keeps.

Granian does not report how much of a message has arrived. But the kernel reports how many bytes this process has read,
and complete messages are seen here. When the site gets one, nothing that was read before belongs to the next one,
except for 128 KB that Granian reads ahead. So what is read from then on belongs to the next one.
"""

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from djbundle.runtime.http.protocol.rate import MIN_RATE
from djbundle.runtime.http.protocol.transport import ConnectionId

BEFORE = 1 << 20  # bytes that came before the first message: browsers open a connection for each WebSocket
SMALL = 64 << 10  # bytes; up to this size a buffer is not counted, since Granian has 128 KB ready for each WebSocket
LARGEST_FRAME = 16 << 20  # bytes; Granian's limit
OF_FRAME = 64  # bytes of frame headers (RFC 6455, 5.2) for each message, plus a sixteenth of the message
MOST_OF_FRAMES = 1 << 20  # bytes of frame headers, at most, from one look to the next


@dataclass(slots=True, eq=False)
class Arrivals:
    """Counts what one WebSocket has sent, and what waits for it. All sizes are in bytes."""

    connection: ConnectionId = ("", 0)
    client: str = ""  # its address, as far as trusted proxies tell it
    is_proxys: bool = False  # a proxy's connection, which may have carried many requests before
    is_known: bool = False  # the number of bytes read at its beginning is known
    is_marked: bool = False  # a message was seen since the last look, with the number of bytes read by then
    before: int = 0  # bytes read that belong to complete messages
    payload: int = 0  # of complete messages since `before` was set
    messages: int = 0
    unfinished: int = 0
    largest: int = 0  # the largest message received
    at_site: int = 0  # memory of the last message, which most sites keep until they have the next
    sending: int = 0
    largest_sent: int = 0
    weighed: int = 0  # the part of `held` that is counted for its client
    is_cut: bool = False
    taken: int = 0  # by the client, as the kernel last reported
    since: float = 0.0  # when the client was last seen to make progress, monotonic seconds; and `taken` at that time
    taken_then: int = 0
    on_cut: Any = field(default=bool)  # called without arguments

    # --- incomplete messages ---

    def add_whole(self, size: int, in_memory: int) -> None:
        """Count a complete message that the site gets."""
        self.payload += size
        self.messages += 1
        self.largest = max(self.largest, size)
        self.at_site = in_memory

    def mark(self, read: int) -> None:
        """Record how many bytes had been read when the last message was seen."""
        self.is_known = self.is_marked = True
        self.before, self.payload, self.messages, self.unfinished = read, 0, 0, 0

    def note(self, read: int) -> None:
        """Record how many bytes have been read in all, as the kernel reports now and then."""
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
        """The bytes that this WebSocket holds in memory.

        Granian keeps buffers for the largest frame that it has received and the largest message that it has sent. The
        latter counts only up to the size of what the client has sent too: no client can help what a site sends to all.
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
        """Return whether, for so many seconds, the client has taken next to nothing of what it was sent."""
        if not self.sending or time.monotonic() - self.since < seconds:
            return False
        if self.taken - self.taken_then < MIN_RATE * seconds:
            return True
        self.see_progress()
        return False


def payload_of(message: dict[str, Any]) -> int:
    """Return how many bytes of an ASGI message are sent. Text is sent as UTF-8."""
    text, content = message.get("text"), message.get("bytes")
    if isinstance(text, str):
        return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return len(content) if isinstance(content, bytes | bytearray | memoryview) else 0


def memory_of(message: dict[str, Any]) -> int:
    """Return how much memory the message takes in Python: one rare character makes a whole text four times as large."""
    return sum(sys.getsizeof(message.get(kind)) for kind in ("text", "bytes"))
