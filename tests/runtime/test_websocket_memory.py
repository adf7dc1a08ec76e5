"""The memory of WebSocket messages is counted; if it is too much, the largest are closed, and others stay."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djbundle.runtime.http.limits import websocket_memory
from djbundle.runtime.http.limits.refusals import Refusals
from djbundle.runtime.http.limits.websocket_memory import MAX_BYTES_PER_CLIENT, WebSocketMemory
from djbundle.runtime.http.limits.websocket_usage import (
    HANDSHAKE_ALLOWANCE,
    MAX_FRAME_OVERHEAD,
    MAX_UNCOUNTED_BUFFER,
    WebSocketUsage,
    memory_size,
    payload_size,
)

PROXY, HERE = "10.0.0.1", "127.0.0.1"
MEGABYTE = 1 << 20
READ_AHEAD = 128 << 10  # bytes that Granian reads ahead


def new_memory() -> WebSocketMemory:
    return WebSocketMemory(lambda address: address == PROXY, Refusals(None), send_timeout=60)


# --- which are closed ---


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("MAX_MESSAGE_SIZE", 10), ("MAX_BYTES_PER_CLIENT", 20), ("MAX_BYTES", 40)):
        monkeypatch.setattr(websocket_memory, name, size)


def cut_off(*sizes: tuple[str, int]) -> list[tuple[str, int]]:
    """Return which of these sockets are closed, by client and size."""
    memory = new_memory()
    with contextlib.ExitStack() as stack:
        for port, (client, size) in enumerate(sizes):
            usage = stack.enter_context(memory.track((client, port), client))
            usage.incomplete_bytes = size
        for each in memory.open:
            memory.count(each)
        memory.sweep()
        return sorted((each.client, each.incomplete_bytes) for each in memory.open if each.is_cut_off)


@pytest.mark.usefixtures("limits")
def test_one_message_may_be_so_large() -> None:
    assert cut_off(("192.0.2.1", 10), ("192.0.2.2", 11)) == [("192.0.2.2", 11)]


@pytest.mark.usefixtures("limits")
def test_all_of_one_client_may_be_so_large() -> None:
    assert cut_off(*[("192.0.2.1", size) for size in (7, 8, 4, 1)]) == []
    assert cut_off(*[("192.0.2.1", size) for size in (7, 8, 6)]) == [("192.0.2.1", 8)]
    assert cut_off(*[(PROXY, size) for size in (7, 8, 6)]) == []


@pytest.mark.usefixtures("limits")
def test_all_together_may_be_so_large() -> None:
    sizes = [(f"192.0.2.{number}", size) for number, size in enumerate((9, 9, 9, 9, 8))]
    assert cut_off(*sizes) == [sizes[0]]
    assert len(cut_off(*[(PROXY, 9)] * 6)) == 2


# --- incomplete messages ---


def test_a_stranger_has_sent_little_before() -> None:
    usage = WebSocketUsage()
    usage.note(HANDSHAKE_ALLOWANCE + 5)
    assert usage.incomplete_bytes == 5


def test_one_small_message_excuses_nothing_else() -> None:
    """It may come before the first check, or after it."""
    usage = WebSocketUsage()
    usage.add_complete(1, 1)
    usage.note(60 * MEGABYTE)
    assert usage.incomplete_bytes > 58 * MEGABYTE
    usage.add_complete(1, 1)
    usage.note(120 * MEGABYTE)
    assert usage.incomplete_bytes > 118 * MEGABYTE


def test_a_proxy_may_have_said_much() -> None:
    usage = WebSocketUsage(is_from_proxy=True)
    usage.note(10 * HANDSHAKE_ALLOWANCE)  # its handshake
    assert usage.incomplete_bytes == 0
    usage.note(10 * HANDSHAKE_ALLOWANCE + 5)
    assert usage.incomplete_bytes == 5


def test_pings_count_until_a_message_is_seen() -> None:
    usage = WebSocketUsage(is_baseline_known=True)
    usage.note(3000)
    assert usage.incomplete_bytes == 3000
    usage.add_complete(10, 10)
    usage.mark(3016)
    assert usage.incomplete_bytes == 0


def head_of(size: int) -> int:
    """Return the size of the head of a masked frame (RFC 6455, 5.2), in bytes."""
    return 6 + (0 if size < 126 else 2 if size < 1 << 16 else 8)


fragments = st.integers(128, 4 * MEGABYTE)
whole = st.tuples(st.integers(1, 40 * MEGABYTE), fragments)  # sizes of a message and of its fragments
interval = st.tuples(st.lists(whole, max_size=6), st.integers(0, 64 * MEGABYTE), st.booleans())


def on_wire(size: int, fragment: int) -> int:
    count, rest = divmod(size, fragment)
    return size + count * head_of(fragment) + head_of(rest)


class Sender:
    """Sends messages, and knows how many bytes of them are really incomplete."""

    def __init__(self) -> None:
        self.usage = WebSocketUsage()
        self.sent = self.begun = 0  # bytes: in all, and of the incomplete message
        self.heads = self.heads_unmarked = 0  # bytes of the heads of frames: in all, and since the last mark
        self.usage.note(0)

    def finish(self, size: int, fragment: int, ahead: int, *, marks: bool) -> None:
        """Finish the begun message, whose size is at least `size`."""
        self.sent += max(0, on_wire(size, fragment) - self.begun)
        self.begun = 0
        self.heads += on_wire(size, fragment) - size
        self.heads_unmarked += on_wire(size, fragment) - size
        self.usage.add_complete(size, size)
        if marks and not self.usage.is_marked:
            self.usage.mark(self.sent + ahead)
            self.heads_unmarked = 0

    def run(self, intervals: list[tuple[list[tuple[int, int]], int, bool]]) -> Iterator[int]:
        """Yield after each check how many bytes too many are counted; a negative number means too few."""
        for messages, begun, marks in intervals:
            for size, fragment in messages:
                self.finish(max(size, self.begun), fragment, min(begun, READ_AHEAD), marks=marks)
            self.sent += begun
            self.begun += begun
            self.usage.note(self.sent)
            yield self.usage.incomplete_bytes - self.begun


@given(st.lists(interval, max_size=20))
def test_little_is_counted_that_is_whole(intervals: list[tuple[list[tuple[int, int]], int, bool]]) -> None:
    """For honest clients, at most the heads of their frames count, beyond the allowance for them."""
    sender = Sender()
    for more in sender.run(intervals):
        assert more <= sender.heads


@given(st.lists(interval.map(lambda each: (*each[:2], True)), max_size=20))
def test_marks_forget_what_was_counted_wrongly(intervals: list[tuple[list[tuple[int, int]], int, bool]]) -> None:
    """So an honest client can stay connected for ever: only the heads of one interval count."""
    sender = Sender()
    for more in sender.run(intervals):
        assert more <= sender.heads_unmarked


@given(st.lists(interval.map(lambda each: (*each[:2], True)), max_size=20))
def test_little_is_hidden(intervals: list[tuple[list[tuple[int, int]], int, bool]]) -> None:
    """Whole messages of an attacker can hide only the heads of one interval, and what Granian reads ahead."""
    for more in Sender().run(intervals):
        assert more >= -(HANDSHAKE_ALLOWANCE + MAX_FRAME_OVERHEAD + READ_AHEAD)


# --- whole messages ---


@pytest.fixture
def memory() -> WebSocketMemory:
    return new_memory()


def text(size: int) -> dict[str, object]:
    return {"type": "websocket.receive", "text": "a" * size}


def test_what_sites_have_counts(memory: WebSocketMemory) -> None:
    """They count twice, since Granian keeps the memory. The newest is treated like others of its size."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(memory.track((HERE, port), HERE)) for port in range(6)]
        for usage in sockets:
            memory.receive(usage, text(10 * MEGABYTE))
        assert sum(each.is_cut_off for each in sockets) == 3
        assert sum(each.counted for each in sockets if not each.is_cut_off) <= MAX_BYTES_PER_CLIENT
    assert (memory.total, memory.clients, memory.open) == (0, {}, {})


def test_small_messages_are_part_of_the_cost(memory: WebSocketMemory) -> None:
    with memory.track((HERE, 1), HERE) as usage:
        memory.receive(usage, text(MAX_UNCOUNTED_BUFFER // 2))
        assert memory.total == 0


def test_what_is_sent_counts_until_it_is_taken(memory: WebSocketMemory) -> None:
    with memory.track((HERE, 1), HERE) as usage:
        with memory.track_send(usage, 5 * MEGABYTE), memory.track_send(usage, 1):
            assert memory.total == 5 * MEGABYTE + 1
        assert memory.total == 0


def test_what_is_echoed_stays_in_memory(memory: WebSocketMemory) -> None:
    with memory.track((HERE, 1), HERE) as usage:
        memory.receive(usage, text(5 * MEGABYTE))
        before = memory.total
        with memory.track_send(usage, 5 * MEGABYTE):
            pass
        assert memory.total == before + 5 * MEGABYTE


def test_who_comes_while_those_who_are_closed_have_not_ended_is_closed(memory: WebSocketMemory) -> None:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(memory.track((HERE, port), HERE)) for port in range(5)]
        for usage in held:
            memory.receive(usage, text(15 * MEGABYTE))
        with memory.track((HERE, 9), HERE) as another:
            memory.receive(another, text(MEGABYTE))
            assert another.is_cut_off
        with memory.track(("127.0.0.2", 9), "127.0.0.2") as stranger:
            memory.receive(stranger, text(MEGABYTE))
            assert not stranger.is_cut_off


def test_a_site_that_goes_on_after_the_end_counts_for_nobody(memory: WebSocketMemory) -> None:
    with contextlib.ExitStack() as stack, memory.track((HERE, 1), HERE) as usage:
        stack.enter_context(memory.track_send(usage, MEGABYTE))
    assert (memory.total, memory.clients) == (0, {})


def test_a_port_that_comes_back(memory: WebSocketMemory) -> None:
    """A client may reset its connection, and reconnect from the same port before the site has ended."""
    before, now = memory.track((HERE, 1), HERE), memory.track((HERE, 1), HERE)
    before.__enter__()
    with now as usage:
        before.__exit__(None, None, None)
        assert [*memory.open] == [usage]
    assert not memory.open


def test_sizes() -> None:
    assert payload_size({"type": "websocket.send", "text": "aé😀"}) == 7
    assert payload_size({"type": "websocket.send", "bytes": bytearray(5), "text": None}) == 5
    assert payload_size({"type": "websocket.accept"}) == 0
    assert memory_size({"text": "a" * MEGABYTE + "😀"}) > 4 * MEGABYTE


# --- clients that read nothing ---


def test_who_takes_a_little_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    usage = WebSocketUsage()
    usage.begin_send(MEGABYTE)
    now = 61.0
    usage.acknowledged = 61 * 1024
    assert not usage.is_stalled(60)
    now = 122.0
    assert usage.is_stalled(60)
    usage.end_send(MEGABYTE)
    assert not usage.is_stalled(60)


# --- what the kernel reports ---


def test_a_message_is_seen_between_two_looks(memory: WebSocketMemory) -> None:
    """Bytes that the kernel still has when the site gets a message belong to the next message."""
    with socket.create_server((HERE, 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, address = listener.accept()
        with server, memory.track(address, HERE) as usage:
            memory.sweep()
            client.sendall(b"a" * 5000)
            assert len(server.recv(3000, socket.MSG_WAITALL)) == 3000
            memory.receive(usage, text(1))
            memory.sweep()
            assert (usage.complete_bytes, usage.incomplete_bytes) == (3000, 0)
            assert len(server.recv(2000, socket.MSG_WAITALL)) == 2000
            memory.sweep()
            assert usage.incomplete_bytes == 2000


def test_what_comes_by_a_proxy_counts_soon() -> None:
    """They do not wait for the next check, since much can come until then."""
    memory = WebSocketMemory(lambda _: True, Refusals(None), send_timeout=60)

    async def count(client: socket.socket, server: socket.socket, usage: WebSocketUsage) -> None:
        client.sendall(b"a" * 5000)  # requests before
        assert len(server.recv(5000, socket.MSG_WAITALL)) == 5000
        memory.check_soon()
        while not usage.is_baseline_known:
            await asyncio.sleep(0.01)
        client.sendall(b"a" * 2000)
        assert len(server.recv(2000, socket.MSG_WAITALL)) == 2000
        memory.sweep()
        assert (usage.complete_bytes, usage.incomplete_bytes) == (5000, 2000)

    with socket.create_server((HERE, 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, address = listener.accept()
        with server, memory.track(address, HERE) as usage:
            asyncio.run(asyncio.wait_for(count(client, server, usage), 10))
