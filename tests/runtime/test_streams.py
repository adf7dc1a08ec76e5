"""Bodies that can be cut anywhere are cut by how fast the client reads, and arrive whole."""

import io
import os
from collections.abc import Callable, Iterator

import pytest

from djbundle.runtime.http.limits import streams
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.streams import AHEAD, ALL_PARTS, LARGEST_PART, QUICK, SMALLEST_PART, Sizes, Streams
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
    monkeypatch.setattr(streams, "time", clock)
    return clock


def make_streams() -> Streams:
    return Streams(Limits(HttpOptions()))


def in_memory() -> Iterator[bytes]:
    return make_streams().of_memory([BODY[begin : begin + LARGEST_PART] for begin in range(0, len(BODY), LARGEST_PART)])


def in_a_file() -> Iterator[bytes]:
    return iter(make_streams().of_file(io.BytesIO(BODY), 8192))


def given_ahead(sizes: Sizes) -> list[int]:
    """Return the sizes of the parts for a client that has not yet shown that it reads."""
    return [sizes.next() for _ in range(AHEAD // SMALLEST_PART)]


@pytest.mark.parametrize("make", [in_memory, in_a_file])
def test_it_arrives_whole_in_parts_that_grow(make: Callable[[], Iterator[bytes]]) -> None:
    parts = list(make())
    assert b"".join(parts) == BODY
    sizes = [len(part) for part in parts]
    assert {*sizes[: AHEAD // SMALLEST_PART]} == {SMALLEST_PART}
    assert max(sizes) == LARGEST_PART


def test_an_empty_file_has_no_parts() -> None:
    assert not list(make_streams().of_file(io.BytesIO()))


def test_who_takes_nothing_has_little_ahead() -> None:
    assert {*given_ahead(Sizes(make_streams()))} == {SMALLEST_PART}


def test_parts_follow_the_client(clock: Clock) -> None:
    sizes = Sizes(make_streams())
    given_ahead(sizes)
    assert [sizes.next(), sizes.next(), sizes.next()] == [4 * SMALLEST_PART, LARGEST_PART, LARGEST_PART]
    for expected in (LARGEST_PART // 4, SMALLEST_PART, SMALLEST_PART):
        clock.now += 2 * QUICK
        assert sizes.next() == expected
    clock.now += QUICK / 2
    assert sizes.next() == 4 * SMALLEST_PART


def test_many_clients_share_what_there_is() -> None:
    shared = make_streams()
    for clients in (1, 32, 200, 10_000):
        shared.open |= dict.fromkeys(range(clients))  # type: ignore[arg-type]
        sizes = Sizes(shared)
        given_ahead(sizes)
        largest = [sizes.next() for _ in range(3)][-1]
        assert largest == max(SMALLEST_PART, min(LARGEST_PART, ALL_PARTS // clients))
