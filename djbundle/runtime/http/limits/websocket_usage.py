"""The memory of one WebSocket: an incomplete message, messages that the site has, and Granian's buffers.

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

HANDSHAKE_ALLOWANCE = 1 << 20  # bytes that came before the first message: browsers open a connection for each WebSocket
MAX_UNCOUNTED_BUFFER = 64 << 10  # bytes; a smaller one is not counted: Granian has 128 KB ready for each WebSocket
MAX_FRAME_SIZE = 16 << 20  # bytes; Granian's limit
FRAME_OVERHEAD = 64  # bytes of frame headers (RFC 6455, 5.2) for each message, plus a sixteenth of the message
MAX_FRAME_OVERHEAD = 1 << 20  # bytes of frame headers, at most, from one check to the next


@dataclass(slots=True, eq=False)
class WebSocketUsage:
    """Counts what one WebSocket has sent, and what waits for it. All sizes are in bytes."""

    connection: ConnectionId = ("", 0)
    client: str = ""  # its address, as far as trusted proxies tell it
    is_from_proxy: bool = False  # a proxy's connection, which may have carried many requests before
    is_baseline_known: bool = False  # the number of bytes read at its beginning is known
    is_marked: bool = False  # a message was seen since the last check, with the number of bytes read by then
    complete_bytes: int = 0  # bytes read that belong to complete messages
    payload: int = 0  # of complete messages since `complete_bytes` was set
    messages: int = 0
    incomplete_bytes: int = 0
    largest_received: int = 0  # the largest message received
    site_memory: int = 0  # memory of the last message, which most sites keep until they have the next
    sending: int = 0
    largest_sent: int = 0
    counted: int = 0  # the part of `held` that is counted for its client
    is_cut_off: bool = False
    acknowledged: int = 0  # by the client, as the kernel last reported
    progress_at: float = 0.0  # when the client was last seen to make progress, monotonic seconds
    acknowledged_then: int = 0  # `acknowledged` at that time
    on_cut_off: Any = field(default=bool)  # called without arguments

    # --- incomplete messages ---

    def add_complete(self, size: int, in_memory: int) -> None:
        """Count a complete message that the site gets."""
        self.payload += size
        self.messages += 1
        self.largest_received = max(self.largest_received, size)
        self.site_memory = in_memory

    def mark(self, read: int) -> None:
        """Record how many bytes had been read when the last message was seen."""
        self.is_baseline_known = self.is_marked = True
        self.complete_bytes, self.payload, self.messages, self.incomplete_bytes = read, 0, 0, 0

    def note(self, read: int) -> None:
        """Record how many bytes have been read in all, as the kernel reports now and then."""
        if not self.is_baseline_known:
            self.is_baseline_known = True
            self.complete_bytes = read if self.is_from_proxy else HANDSHAKE_ALLOWANCE
        overhead = min(self.payload // 16 + FRAME_OVERHEAD * self.messages, MAX_FRAME_OVERHEAD)
        self.complete_bytes = min(read, self.complete_bytes + self.payload + overhead)
        self.incomplete_bytes = read - self.complete_bytes
        self.payload = self.messages = 0
        self.is_marked = False

    # --- what is in memory ---

    @property
    def held(self) -> int:
        """The bytes that this WebSocket holds in memory.

        Granian keeps buffers for the largest frame that it has received and the largest message that it has sent. The
        latter counts only up to the size of what the client has sent too: no client can help what a site sends to all.
        """
        receive_buffer = min(self.largest_received, MAX_FRAME_SIZE)
        echoed = min(self.largest_received, self.largest_sent)
        send_buffer = max(self.sending, echoed)
        return self.incomplete_bytes + sum(
            size for size in (receive_buffer, self.site_memory, send_buffer) if size > MAX_UNCOUNTED_BUFFER
        )

    # --- what is sent ---

    def begin_send(self, size: int) -> None:
        if not self.sending:
            self.note_progress()
        self.sending += size
        self.largest_sent = max(self.largest_sent, size)

    def end_send(self, size: int) -> None:
        self.sending -= size
        self.note_progress()

    def note_progress(self) -> None:
        self.progress_at, self.acknowledged_then = time.monotonic(), self.acknowledged

    def is_stalled(self, seconds: float) -> bool:
        """Return whether the client has taken almost nothing of what was sent for this number of seconds."""
        if not self.sending or time.monotonic() - self.progress_at < seconds:
            return False
        if self.acknowledged - self.acknowledged_then < MIN_RATE * seconds:
            return True
        self.note_progress()
        return False


def payload_size(message: dict[str, Any]) -> int:
    """Return how many bytes of an ASGI message are sent. Text is sent as UTF-8."""
    text, content = message.get("text"), message.get("bytes")
    if isinstance(text, str):
        return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return len(content) if isinstance(content, bytes | bytearray | memoryview) else 0


def memory_size(message: dict[str, Any]) -> int:
    """Return how much memory the message takes in Python: one rare character makes a whole text four times as large."""
    return sum(sys.getsizeof(message.get(kind)) for kind in ("text", "bytes"))
