"""Unread responses: each connection, each client and all together have a limit, and nobody shuts others out."""

from http import HTTPStatus

import pytest

from djbundle.runtime.http.limits import budget
from djbundle.runtime.http.limits.budget import Budget

PROXY = "10.0.0.1"
SHARE = 8  # bytes of each of five clients


@pytest.fixture
def responses(monkeypatch: pytest.MonkeyPatch) -> Budget:
    sizes = {"MAX_BYTES_PER_CONNECTION": 10, "MAX_BYTES_PER_CLIENT": 20, "MAX_BYTES": 40, "RESERVE": 15}
    for name, size in sizes.items():
        monkeypatch.setattr(budget, name, size)
    return Budget(lambda address: address == PROXY)


def hold(responses: Budget, client: str, size: int, port: int = 1) -> None:
    responses.charge((client, port), client, size)


def may_begin(responses: Budget, client: str, port: int = 9) -> bool:
    return not responses.is_spent((client, port), client)


def try_charge(responses: Budget, client: str, size: int) -> bool:
    return responses.try_charge((client, 9), client, size)


def test_one_connection_and_one_client_have_limits(responses: Budget) -> None:
    hold(responses, "192.0.2.1", 10)
    assert not may_begin(responses, "192.0.2.1", port=1)
    assert may_begin(responses, "192.0.2.1", port=2)
    hold(responses, "192.0.2.1", 10, port=2)
    assert not may_begin(responses, "192.0.2.1", port=3)
    hold(responses, "192.0.2.1", -10, port=2)
    assert may_begin(responses, "192.0.2.1", port=3)


def test_a_proxy_stands_for_many(responses: Budget) -> None:
    hold(responses, PROXY, 35)
    assert may_begin(responses, PROXY, port=1)
    hold(responses, PROXY, 5)
    assert not may_begin(responses, PROXY)


def test_a_client_that_holds_nothing_may_always_begin(responses: Budget) -> None:
    for number in range(1, 5):
        hold(responses, f"192.0.2.{number}", 10)
    assert responses.is_full
    assert may_begin(responses, "192.0.2.5")
    assert not may_begin(responses, "192.0.2.1")
    hold(responses, PROXY, 2 * budget.MAX_BYTES)
    assert not may_begin(responses, "192.0.2.5"), "even that has a limit"


def test_while_little_waits_a_client_may_have_more_than_its_share(responses: Budget) -> None:
    hold(responses, "192.0.2.2", 1)
    for _ in range(3):
        assert try_charge(responses, "192.0.2.1", 5)
    assert responses.held_by("192.0.2.1") == 15


def test_when_much_waits_each_client_has_an_equal_share(responses: Budget) -> None:
    for number in range(1, 6):
        hold(responses, f"192.0.2.{number}", 4)
    assert responses.fair_share == SHARE
    assert try_charge(responses, "192.0.2.1", SHARE - 4)
    assert not try_charge(responses, "192.0.2.1", 1)
    assert not may_begin(responses, "192.0.2.1")
    assert may_begin(responses, "192.0.2.2")


def test_one_response_may_be_larger_than_a_share(responses: Budget) -> None:
    """Otherwise nobody could download a large page while others hold much."""
    for number in range(1, 6):
        hold(responses, f"192.0.2.{number}", 4)
    assert try_charge(responses, "192.0.2.6", 3 * SHARE)


def test_clients_that_hold_little_have_a_reserve(responses: Budget) -> None:
    for number in range(1, 5):
        hold(responses, f"192.0.2.{number}", 10)
    assert try_charge(responses, "192.0.2.5", 2)
    assert try_charge(responses, "192.0.2.5", 1)
    assert not try_charge(responses, "192.0.2.1", 1)
    assert not try_charge(responses, "192.0.2.6", budget.RESERVE), "the reserve has a limit, too"


def test_networks_of_one_customer_have_one_share(responses: Budget) -> None:
    for number in range(5):
        hold(responses, f"2001:db8:0:{number:x}::1", 4)
    assert len(responses.clients) == 5
    assert not try_charge(responses, "2001:db8:0:9::1", 1)
    assert try_charge(responses, "2001:db8:1::1", 1)


def test_only_those_who_hold_little_are_told_that_others_have_too_much(responses: Budget) -> None:
    """503 means that the site has no room, and then it is not ready."""
    for number in range(1, 5):
        hold(responses, f"192.0.2.{number}", 10)
    assert responses.refusal("192.0.2.1")[0] == HTTPStatus.TOO_MANY_REQUESTS
    assert responses.refusal("192.0.2.5")[0] == HTTPStatus.SERVICE_UNAVAILABLE


def test_all_counts_return_to_nothing(responses: Budget) -> None:
    for sign in (1, -1):
        for number in range(5):
            hold(responses, f"2001:db8:0:{number:x}::1", 4 * sign)
            hold(responses, f"192.0.2.{number}", 4 * sign)
    assert (responses.total, responses.connections, responses.clients, responses.shares) == (0, {}, {}, {})


@pytest.mark.parametrize("prefix", ["::ffff:", "64:ff9b::"])
def test_ipv4_clients_with_addresses_of_ipv6_are_not_one_client(prefix: str) -> None:
    """A socket that systemd opens has such addresses, and so has a site behind a gateway from IPv4 to IPv6."""
    for key in (budget.client_key, budget.share_key):
        assert key(f"{prefix}192.0.2.1") == key("192.0.2.1") != key(f"{prefix}192.0.2.2")
