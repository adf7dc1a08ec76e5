"""WebSockets whose messages do not end are closed, the largest first; others stay."""

import pytest

from djbundle.runtime.http.limits import unfinished
from djbundle.runtime.http.limits.refusals import Refusals
from djbundle.runtime.http.limits.unfinished import BEFORE, Arrivals, Unfinished

PROXY = "10.0.0.1"


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("LONGEST", 10), ("OF_CLIENT", 20), ("OF_ALL", 40)):
        monkeypatch.setattr(unfinished, name, size)


def late(*sizes: tuple[str, int]) -> list[tuple[str, int]]:
    """Which of these sockets are closed, by client and size."""
    site = Unfinished(lambda address: address == PROXY, Refusals(None))
    for port, (client, size) in enumerate(sizes):
        site.open[client, port] = Arrivals(unfinished=size)
    return sorted((client, site.open[client, port].unfinished) for client, port in site.too_large())


def test_one_message_may_be_so_large() -> None:
    assert late(("192.0.2.1", 10), ("192.0.2.2", 11)) == [("192.0.2.2", 11)]


def test_all_of_one_client_may_be_so_large() -> None:
    assert late(*[("192.0.2.1", size) for size in (7, 8, 4, 1)]) == []
    assert late(*[("192.0.2.1", size) for size in (7, 8, 6)]) == [("192.0.2.1", 8)]
    assert late(*[(PROXY, size) for size in (7, 8, 6)]) == []


def test_all_together_may_be_so_large() -> None:
    sizes = [(f"192.0.2.{number}", size) for number, size in enumerate((9, 9, 9, 9, 8))]
    assert late(*sizes) == [sizes[0]]
    assert len(late(*[(PROXY, 9)] * 6)) == 2


def test_a_stranger_has_sent_little_before() -> None:
    arrivals = Arrivals()
    arrivals.note(BEFORE + 5)
    assert arrivals.unfinished == 5


def test_a_stranger_may_have_said_much() -> None:
    arrivals = Arrivals(messages=1)
    arrivals.note(10 * BEFORE)
    assert arrivals.unfinished == 0


def test_whole_messages_begin_anew() -> None:
    arrivals = Arrivals(is_proxys=True)
    arrivals.note(300)  # its handshake
    assert arrivals.unfinished == 0
    arrivals.note(305)
    assert arrivals.unfinished == 5
    arrivals.messages += 1
    arrivals.note(400)
    assert arrivals.unfinished == 0
    arrivals.note(407)
    assert arrivals.unfinished == 7
