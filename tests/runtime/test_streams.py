"""Bodies that can be cut anywhere are cut by how fast the client reads, and arrive whole."""

import io
import os
from collections.abc import Callable, Iterator

import pytest

from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.streaming import part_sizes
from djbundle.runtime.http.streaming.part_sizes import (
    BUFFERED_SIZE,
    FAST_CLIENT_TIME,
    MAX_PART_SIZE,
    MAX_TOTAL_PART_SIZE,
    MIN_PART_SIZE,
    PartSizes,
)
from djbundle.runtime.http.streaming.streams import Streams
from djbundle.runtime.options.http import HttpOptions

BODY = os.urandom(5_000_000)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Install a clock that moves only when a test moves it."""
    clock = Clock()
    monkeypatch.setattr(part_sizes, "time", clock)
    return clock


def make_streams() -> Streams:
    return Streams(Limits(HttpOptions()))


def in_memory() -> Iterator[bytes]:
    return make_streams().memory_parts(
        [BODY[begin : begin + MAX_PART_SIZE] for begin in range(0, len(BODY), MAX_PART_SIZE)]
    )


def in_a_file() -> Iterator[bytes]:
    return iter(make_streams().file_parts(io.BytesIO(BODY), 8192))


def given_ahead(sizes: PartSizes) -> list[int]:
    """Return the sizes of the parts for a client that has not yet shown that it reads."""
    return [sizes.next() for _ in range(BUFFERED_SIZE // MIN_PART_SIZE)]


@pytest.mark.parametrize("make", [in_memory, in_a_file])
def test_it_arrives_whole_in_parts_that_grow(make: Callable[[], Iterator[bytes]]) -> None:
    parts = list(make())
    assert b"".join(parts) == BODY
    sizes = [len(part) for part in parts]
    assert {*sizes[: BUFFERED_SIZE // MIN_PART_SIZE]} == {MIN_PART_SIZE}
    assert max(sizes) == MAX_PART_SIZE


def test_an_empty_file_has_no_parts() -> None:
    assert not list(make_streams().file_parts(io.BytesIO()))


def test_who_takes_nothing_has_little_ahead() -> None:
    assert {*given_ahead(make_streams().part_sizes())} == {MIN_PART_SIZE}


def test_parts_follow_the_client(clock: Clock) -> None:
    sizes = make_streams().part_sizes()
    given_ahead(sizes)
    assert [sizes.next(), sizes.next(), sizes.next()] == [4 * MIN_PART_SIZE, MAX_PART_SIZE, MAX_PART_SIZE]
    for expected in (MAX_PART_SIZE // 4, MIN_PART_SIZE, MIN_PART_SIZE):
        clock.now += 2 * FAST_CLIENT_TIME
        assert sizes.next() == expected
    clock.now += FAST_CLIENT_TIME / 2
    assert sizes.next() == 4 * MIN_PART_SIZE


def test_many_clients_share_what_there_is() -> None:
    shared = make_streams()
    for clients in (1, 32, 200, 10_000):
        shared.open |= dict.fromkeys(range(clients))  # type: ignore[arg-type]
        sizes = shared.part_sizes()
        given_ahead(sizes)
        largest = [sizes.next() for _ in range(3)][-1]
        assert largest == max(MIN_PART_SIZE, min(MAX_PART_SIZE, MAX_TOTAL_PART_SIZE // clients))
