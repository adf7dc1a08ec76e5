"""What clients of HTTP/2 have not taken is known, counts in the budget, and is given up when others need the room."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from djbundle.runtime.http import budget, untaken
from djbundle.runtime.http.budget import EVICTABLE, Budget
from djbundle.runtime.http.connections import Descriptors
from djbundle.runtime.http.rate import SLOWEST
from djbundle.runtime.http.refusals import Refusals
from djbundle.runtime.http.untaken import HARMLESS, LOOK_AFTER, Handed, Untaken

CLIENT = ("192.0.2.1", 40000)
STALL = 60.0
MUCH = HARMLESS + 1000
Pair = tuple[socket.socket, socket.socket]  # the two ends of one connection


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(untaken, "time", clock)
    return clock


@pytest.fixture
def site() -> Untaken:
    return Untaken(Budget(lambda _address: False), Refusals(None))


@pytest.fixture
def pair() -> Iterator[Pair]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        with client, server:
            yield client, server


def test_who_takes_too_little_is_stalled(site: Untaken, clock: SimpleNamespace) -> None:
    def is_stalled(taken: int) -> bool:
        site.note(CLIENT, taken)
        return site.is_stalled(CLIENT, STALL)

    site.add(CLIENT, MUCH)
    assert not is_stalled(0)
    clock.now += STALL - 1
    assert not is_stalled(0)
    clock.now += 1
    assert is_stalled(0)
    assert is_stalled(500), "as much as the heads of further responses"
    assert not is_stalled(int(SLOWEST * STALL) + 500), "it has taken something"
    assert not is_stalled(MUCH), "it has taken all"
    clock.now += STALL
    assert not is_stalled(MUCH)


@pytest.mark.usefixtures("clock")
def test_heads_are_no_credit(site: Untaken) -> None:
    """A client that has taken many of them has not taken a later body."""
    site.add(CLIENT, 1)
    site.note(CLIENT, 10 * MUCH)
    site.add(CLIENT, MUCH)
    site.note(CLIENT, 10 * MUCH)
    assert site.accounts[CLIENT].left == MUCH


def test_what_is_cancelled_counts_no_more(site: Untaken) -> None:
    whole, cancelled = Handed(site, CLIENT), Handed(site, CLIENT)
    whole.add(10)
    cancelled.add(5)
    cancelled.forget()
    cancelled.forget()
    assert site.accounts[CLIENT].given == 10


def test_it_counts_beside_what_is_counted_as_a_response(site: Untaken) -> None:
    site.budget.take(CLIENT, CLIENT[0], 3000)
    site.add(CLIENT, 10_000)
    site.note(CLIENT, 0)
    assert site.budget.total == 10_000
    site.budget.take(CLIENT, CLIENT[0], -3000)
    site.note(CLIENT, 4000)
    assert site.budget.total == 6000
    site.forget({CLIENT})
    assert (site.budget.total, site.accounts) == (0, {})
    assert not site.budget.clients
    assert not site.budget.connections


def test_who_takes_nothing_makes_room(site: Untaken, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    broken: list[tuple[str, int]] = []
    monkeypatch.setattr(untaken, "break_off", broken.extend)
    monkeypatch.setattr(Untaken, "look", lambda _self: None)
    for number in range(8):
        site.add((f"192.0.2.{number}", 1), MUCH)
        site.note((f"192.0.2.{number}", 1), 0)
        clock.now += 1
    monkeypatch.setattr(budget, "PROCESS", site.budget.total)
    site.sweep()
    assert sorted(broken) == [(f"192.0.2.{number}", 1) for number in range(3)]
    monkeypatch.setattr(budget, "PROCESS", site.budget.total + 1)
    clock.now += EVICTABLE
    site.sweep()
    assert len(broken) == 3, "there is room"


def test_the_kernel_is_asked_after_some_bytes(site: Untaken, pair: Pair) -> None:
    client, server = pair
    server.sendall(b"a" * 10_000)
    while len(client.recv(10_000, socket.MSG_PEEK)) < 10_000:
        pass
    site.add(client.getsockname(), LOOK_AFTER - 1)
    assert not site.budget.total
    site.add(client.getsockname(), 1)
    assert site.budget.total == LOOK_AFTER - 10_000
    client.close()
    server.close()
    site.look()
    assert not site.accounts


def test_a_descriptor_that_means_another_connection_is_not_believed(pair: Pair) -> None:
    client, _server = pair
    known = Descriptors()
    known.numbers[client.getsockname()] = client.fileno()  # the other end
    assert [each.client for each in known.find([client.getsockname()])] == [client.getsockname()]
    assert known.numbers[client.getsockname()] != client.fileno()
    assert not [*known.find([("192.0.2.1", 1)])]
    assert not known.numbers
