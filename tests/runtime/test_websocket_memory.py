"""The memory of WebSocket messages is counted; if it is too much, the largest are closed, and others stay."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djbundle.runtime.http.limits import websocket_memory, websocket_usage
from djbundle.runtime.http.limits.refusals import Refusals
from djbundle.runtime.http.limits.websocket_memory import OF_CLIENT, Unfinished
from djbundle.runtime.http.limits.websocket_usage import (
    BEFORE,
    MOST_OF_FRAMES,
    SMALL,
    Arrivals,
    memory_of,
    payload_of,
)

PROXY, HERE = "10.0.0.1", "127.0.0.1"
MEGABYTE = 1 << 20
READ_AHEAD = 128 << 10  # bytes that Granian reads ahead


def new_account() -> Unfinished:
    return Unfinished(lambda address: address == PROXY, Refusals(None), send_timeout=60)


# --- which are closed ---


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("LONGEST", 10), ("OF_CLIENT", 20), ("OF_ALL", 40)):
        monkeypatch.setattr(websocket_memory, name, size)


def late(*sizes: tuple[str, int]) -> list[tuple[str, int]]:
    """Return which of these sockets are closed, by client and size."""
    account = new_account()
    with contextlib.ExitStack() as stack:
        for port, (client, size) in enumerate(sizes):
            arrivals = stack.enter_context(account.watched((client, port), client))
            arrivals.unfinished = size
        for each in account.open:
            account.count(each)
        account.sweep()
        return sorted((each.client, each.unfinished) for each in account.open if each.is_cut)


@pytest.mark.usefixtures("limits")
def test_one_message_may_be_so_large() -> None:
    assert late(("192.0.2.1", 10), ("192.0.2.2", 11)) == [("192.0.2.2", 11)]


@pytest.mark.usefixtures("limits")
def test_all_of_one_client_may_be_so_large() -> None:
    assert late(*[("192.0.2.1", size) for size in (7, 8, 4, 1)]) == []
    assert late(*[("192.0.2.1", size) for size in (7, 8, 6)]) == [("192.0.2.1", 8)]
    assert late(*[(PROXY, size) for size in (7, 8, 6)]) == []


@pytest.mark.usefixtures("limits")
def test_all_together_may_be_so_large() -> None:
    sizes = [(f"192.0.2.{number}", size) for number, size in enumerate((9, 9, 9, 9, 8))]
    assert late(*sizes) == [sizes[0]]
    assert len(late(*[(PROXY, 9)] * 6)) == 2


# --- unfinished messages ---


def test_a_stranger_has_sent_little_before() -> None:
    arrivals = Arrivals()
    arrivals.note(BEFORE + 5)
    assert arrivals.unfinished == 5


def test_one_small_message_excuses_nothing_else() -> None:
    """It may come before the first look, or after it."""
    arrivals = Arrivals()
    arrivals.add_whole(1, 1)
    arrivals.note(60 * MEGABYTE)
    assert arrivals.unfinished > 58 * MEGABYTE
    arrivals.add_whole(1, 1)
    arrivals.note(120 * MEGABYTE)
    assert arrivals.unfinished > 118 * MEGABYTE


def test_a_proxy_may_have_said_much() -> None:
    arrivals = Arrivals(is_proxys=True)
    arrivals.note(10 * BEFORE)  # its handshake
    assert arrivals.unfinished == 0
    arrivals.note(10 * BEFORE + 5)
    assert arrivals.unfinished == 5


def test_pings_count_until_a_message_is_seen() -> None:
    arrivals = Arrivals(is_known=True)
    arrivals.note(3000)
    assert arrivals.unfinished == 3000
    arrivals.add_whole(10, 10)
    arrivals.mark(3016)
    assert arrivals.unfinished == 0


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
    """Sends messages, and knows how many bytes of them are really unfinished."""

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        self.sent = self.begun = 0  # bytes: in all, and of the unfinished message
        self.heads = self.heads_unmarked = 0  # bytes of the heads of frames: in all, and since the last mark
        self.arrivals.note(0)

    def finish(self, size: int, fragment: int, ahead: int, *, marks: bool) -> None:
        """Finish the begun message, whose size is at least `size`."""
        self.sent += max(0, on_wire(size, fragment) - self.begun)
        self.begun = 0
        self.heads += on_wire(size, fragment) - size
        self.heads_unmarked += on_wire(size, fragment) - size
        self.arrivals.add_whole(size, size)
        if marks and not self.arrivals.is_marked:
            self.arrivals.mark(self.sent + ahead)
            self.heads_unmarked = 0

    def run(self, intervals: list[tuple[list[tuple[int, int]], int, bool]]) -> Iterator[int]:
        """Yield after each look how many bytes too many are counted; a negative number means too few."""
        for messages, begun, marks in intervals:
            for size, fragment in messages:
                self.finish(max(size, self.begun), fragment, min(begun, READ_AHEAD), marks=marks)
            self.sent += begun
            self.begun += begun
            self.arrivals.note(self.sent)
            yield self.arrivals.unfinished - self.begun


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
        assert more >= -(BEFORE + MOST_OF_FRAMES + READ_AHEAD)


# --- whole messages ---


@pytest.fixture
def account() -> Unfinished:
    return new_account()


def text(size: int) -> dict[str, object]:
    return {"type": "websocket.receive", "text": "a" * size}


def test_what_sites_have_counts(account: Unfinished) -> None:
    """They count twice, since Granian keeps the memory. The newest is treated like others of its size."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(account.watched((HERE, port), HERE)) for port in range(6)]
        for arrivals in sockets:
            account.receive(arrivals, text(10 * MEGABYTE))
        assert sum(each.is_cut for each in sockets) == 3
        assert sum(each.weighed for each in sockets if not each.is_cut) <= OF_CLIENT
    assert (account.total, account.clients, account.open) == (0, {}, {})


def test_small_messages_are_part_of_the_cost(account: Unfinished) -> None:
    with account.watched((HERE, 1), HERE) as arrivals:
        account.receive(arrivals, text(SMALL // 2))
        assert account.total == 0


def test_what_is_sent_counts_until_it_is_taken(account: Unfinished) -> None:
    with account.watched((HERE, 1), HERE) as arrivals:
        with account.sends(arrivals, 5 * MEGABYTE), account.sends(arrivals, 1):
            assert account.total == 5 * MEGABYTE + 1
        assert account.total == 0


def test_what_is_echoed_stays_in_memory(account: Unfinished) -> None:
    with account.watched((HERE, 1), HERE) as arrivals:
        account.receive(arrivals, text(5 * MEGABYTE))
        before = account.total
        with account.sends(arrivals, 5 * MEGABYTE):
            pass
        assert account.total == before + 5 * MEGABYTE


def test_who_comes_while_those_who_are_closed_have_not_ended_is_closed(account: Unfinished) -> None:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(account.watched((HERE, port), HERE)) for port in range(5)]
        for arrivals in held:
            account.receive(arrivals, text(15 * MEGABYTE))
        with account.watched((HERE, 9), HERE) as another:
            account.receive(another, text(MEGABYTE))
            assert another.is_cut
        with account.watched(("127.0.0.2", 9), "127.0.0.2") as stranger:
            account.receive(stranger, text(MEGABYTE))
            assert not stranger.is_cut


def test_a_site_that_goes_on_after_the_end_counts_for_nobody(account: Unfinished) -> None:
    with contextlib.ExitStack() as stack, account.watched((HERE, 1), HERE) as arrivals:
        stack.enter_context(account.sends(arrivals, MEGABYTE))
    assert (account.total, account.clients) == (0, {})


def test_a_port_that_comes_back(account: Unfinished) -> None:
    """A client may reset its connection, and reconnect from the same port before the site has ended."""
    before, now = account.watched((HERE, 1), HERE), account.watched((HERE, 1), HERE)
    before.__enter__()
    with now as arrivals:
        before.__exit__(None, None, None)
        assert [*account.open] == [arrivals]
    assert not account.open


def test_sizes() -> None:
    assert payload_of({"type": "websocket.send", "text": "aé😀"}) == 7
    assert payload_of({"type": "websocket.send", "bytes": bytearray(5), "text": None}) == 5
    assert payload_of({"type": "websocket.accept"}) == 0
    assert memory_of({"text": "a" * MEGABYTE + "😀"}) > 4 * MEGABYTE


# --- clients that read nothing ---


def test_who_takes_a_little_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(websocket_usage.time, "monotonic", lambda: now)
    arrivals = Arrivals()
    arrivals.begin_to_send(MEGABYTE)
    now = 61.0
    arrivals.taken = 61 * 1024
    assert not arrivals.is_stalled(60)
    now = 122.0
    assert arrivals.is_stalled(60)
    arrivals.has_sent(MEGABYTE)
    assert not arrivals.is_stalled(60)


# --- what the kernel reports ---


def test_a_message_is_seen_between_two_looks(account: Unfinished) -> None:
    """Bytes that the kernel still has when the site gets a message belong to the next message."""
    with socket.create_server((HERE, 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, address = listener.accept()
        with server, account.watched(address, HERE) as arrivals:
            account.sweep()
            client.sendall(b"a" * 5000)
            assert len(server.recv(3000, socket.MSG_WAITALL)) == 3000
            account.receive(arrivals, text(1))
            account.sweep()
            assert (arrivals.before, arrivals.unfinished) == (3000, 0)
            assert len(server.recv(2000, socket.MSG_WAITALL)) == 2000
            account.sweep()
            assert arrivals.unfinished == 2000


def test_what_comes_by_a_proxy_counts_soon() -> None:
    """They do not wait for the next look, since much can come until then."""
    account = Unfinished(lambda _: True, Refusals(None), send_timeout=60)

    async def count(client: socket.socket, server: socket.socket, arrivals: Arrivals) -> None:
        client.sendall(b"a" * 5000)  # requests before
        assert len(server.recv(5000, socket.MSG_WAITALL)) == 5000
        account.look_soon()
        while not arrivals.is_known:
            await asyncio.sleep(0.01)
        client.sendall(b"a" * 2000)
        assert len(server.recv(2000, socket.MSG_WAITALL)) == 2000
        account.sweep()
        assert (arrivals.before, arrivals.unfinished) == (5000, 2000)

    with socket.create_server((HERE, 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, address = listener.accept()
        with server, account.watched(address, HERE) as arrivals:
            asyncio.run(asyncio.wait_for(count(client, server, arrivals), 10))
