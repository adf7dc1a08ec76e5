"""The gates before a site: what they let through, by both interfaces, and what they count."""

import asyncio
import base64
from argparse import ArgumentTypeError
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, ScryptPasswordHasher

from djbundle.runtime.http.gates import basic_auth, gate, rate_table
from djbundle.runtime.http.gates.basic_auth import MAX_FAILURES, BasicAuth
from djbundle.runtime.http.gates.gate import GateRequest
from djbundle.runtime.http.gates.rate_limit import RateLimit
from djbundle.runtime.http.gates.rate_table import RateTable
from djbundle.runtime.options.rate_limits import parse_rate

STRANGER, OTHER = "203.0.113.7", "203.0.113.8"


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(basic_auth, "time", clock)
    monkeypatch.setattr(rate_table, "time", clock)
    return clock


@pytest.fixture
def auth() -> BasicAuth:
    scrypt, pbkdf2 = ScryptPasswordHasher(), PBKDF2PasswordHasher()
    return BasicAuth({"ada": scrypt.encode("secret", "salt"), "bob": pbkdf2.encode("word", "salt", 1000)})


def status(gate: BasicAuth | RateLimit, header: str = "", client: str = STRANGER, path: str = "/") -> int:
    request = GateRequest(client, path, header)
    is_decided, refusal = gate.answer_at_once(request)
    if not is_decided:
        refusal = gate.answer(request)
    return refusal.status if refusal else 200


def test_passwords(auth: BasicAuth) -> None:
    assert status(auth, basic("ada", "secret")) == status(auth, basic("bob", "word")) == 200
    assert status(auth, basic("ada", "word")) == status(auth, basic("eve", "secret")) == 401
    assert auth.answer_at_once(GateRequest(STRANGER, "/", basic("ada", "secret"))) == (True, None), "it is remembered"


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Basic /w==", "Bearer a", "Basic " + "YTpi" * 1000])
def test_what_is_no_password_costs_no_hash(auth: BasicAuth, header: str) -> None:
    is_decided, refusal = auth.answer_at_once(GateRequest(STRANGER, "/", header))
    assert is_decided
    assert refusal
    assert refusal.status == 401


def test_a_client_that_guesses(auth: BasicAuth, clock: Clock) -> None:
    for _ in range(MAX_FAILURES):
        assert status(auth, basic("ada", "guess")) == 401
    assert status(auth, basic("ada", "secret")) == 429
    assert status(auth, basic("ada", "secret"), OTHER) == 200
    clock.now += basic_auth.FAILURE_WINDOW
    assert status(auth, basic("bob", "word")) == 200


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/.well-known/acme-challenge/a-b_C1", 200), ("/.well-known/acme-challenge/../admin", 401), ("/admin/", 401)],
)
def test_challenges_of_authorities_are_open(auth: BasicAuth, path: str, expected: int) -> None:
    assert status(auth, path=path) == expected


def sent_by(auth: BasicAuth, kind: str, header: str) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "site", "headers": scope.get("headers")})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"a"), *([(b"authorization", header.encode())] if header else [])]
    scope = {"type": kind, "client": (STRANGER, 1), "path": "/", "headers": headers}
    asyncio.run(gate.wrap(application, "asgi", auth)(scope, None, send))
    return sent


@pytest.mark.parametrize(
    ("kind", "first"),
    [("http", "http.response.start"), ("websocket", "websocket.close"), ("lifespan", "site")],
)
def test_an_asgi_site(auth: BasicAuth, kind: str, first: str) -> None:
    assert sent_by(auth, kind, "")[0]["type"] == first
    message = sent_by(auth, kind, basic("ada", "secret"))[0]
    assert message["type"] == "site"
    assert kind == "lifespan" or message["headers"] == [(b"host", b"a")]


def test_a_rate(clock: Clock) -> None:
    limit = RateLimit([parse_rate("/login=6/m,burst=2")], RateTable(), lambda client: client == OTHER)

    def statuses(count: int, client: str = STRANGER, path: str = "/login/") -> list[int]:
        return [status(limit, client=client, path=path) for _ in range(count)]

    assert statuses(3) == [200, 200, 429]
    assert statuses(2, path="/loginfoo") == statuses(2, path="/") == [200, 200]
    assert statuses(5, OTHER) == [200] * 5
    clock.now += 10
    assert statuses(2) == [200, 429]
    clock.now += 3600
    assert statuses(3) == [200, 200, 429]
    refusal = limit.answer(GateRequest(STRANGER, "/login", ""))
    assert refusal
    assert dict(refusal.headers)["Retry-After"] == "10"


def test_a_full_table_forgets_who_was_quiet(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_table, "ROWS", 1)
    table = RateTable()
    for each in range(rate_table.WAYS + 1):
        clock.now += 1
        assert table.take(f"client {each}", 60, 1) == 0
    assert table.take("client 8", 60, 1) > 0
    assert table.take("client 1", 60, 1) > 0
    assert table.take("client 0", 60, 1) == 0, "it was forgotten"


def test_refusals_are_told_once_a_minute(clock: Clock) -> None:
    table = RateTable()
    assert [table.count_refusal() for _ in range(3)] == [1, 0, 0]
    clock.now += rate_table.LOG_INTERVAL
    assert table.count_refusal() == 3


def test_rules() -> None:
    rule = parse_rate("/api/=2/s,burst=20")
    assert (rule.path, rule.interval, rule.burst) == ("/api", 0.5, 20)
    assert (parse_rate("10r/s").path, parse_rate("5/m").burst) == ("", 5)
    for wrong in ("", "10", "0/s", "x=1/s", "/a=1/y", "/a=1/s,burst=0", "/a=1/s,burst=", "-1/s"):
        with pytest.raises(ArgumentTypeError):
            parse_rate(wrong)
