"""A client is shut out when so much of it was refused that refusing takes the time of others."""

from types import SimpleNamespace
from typing import Any

import pytest

from djbundle.runtime.http.limits import flooders
from djbundle.runtime.http.limits.flooders import Flooders
from djbundle.runtime.http.limits.refusals import Refusals

FLOODING, HONEST, PROXY = "192.0.2.1", "192.0.2.2", "192.0.2.3"


class Watcher:
    """Granian's, of a request from this address."""

    def __init__(self, address: str) -> None:
        self.scope: dict[str, Any] = {"type": "http", "client": (address, "40000")}
        self.messages: list[dict[str, Any]] = []
        self.proto = SimpleNamespace(send=self.messages.append)
        self.is_done = False

    def done(self) -> None:
        self.is_done = True


@pytest.fixture
def shut_out(monkeypatch: pytest.MonkeyPatch) -> Flooders:
    monkeypatch.setattr(flooders, "MAX_REFUSALS", 3)
    return Flooders(lambda address: address == PROXY, Refusals(None))


def note(shut_out: Flooders, address: str, times: int) -> None:
    for _ in range(times):
        shut_out.note(address)


def test_it_is_answered_with_429_and_others_are_not(shut_out: Flooders) -> None:
    note(shut_out, FLOODING, 4)
    flooding, honest = Watcher(FLOODING), Watcher(HONEST)
    assert shut_out.drop(flooding)
    assert ([message.get("status") for message in flooding.messages], flooding.is_done) == ([429, None], True)
    assert not shut_out.drop(honest)
    assert not honest.messages


def test_refusals_of_different_seconds_do_not_add_up(shut_out: Flooders) -> None:
    for _ in range(5):
        note(shut_out, FLOODING, 3)
        shut_out.sweep()
    assert not shut_out.drop(Watcher(FLOODING))


def test_proxies_are_never_shut_out(shut_out: Flooders) -> None:
    note(shut_out, PROXY, 100)
    assert not shut_out.drop(Watcher(PROXY))


def test_it_comes_in_again(shut_out: Flooders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flooders, "SHUT_OUT_SECONDS", 0.0)
    note(shut_out, FLOODING, 4)
    shut_out.sweep()
    assert not shut_out.drop(Watcher(FLOODING))


def test_addresses_of_a_network_of_ipv6_are_one_client(shut_out: Flooders) -> None:
    for number in range(4):
        shut_out.note(f"2001:db8::{number}")
    assert shut_out.drop(Watcher("2001:db8::ffff"))
