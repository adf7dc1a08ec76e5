"""Responses of an application are sent as Granian needs them: whole if they are whole, otherwise in parts."""

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.added_headers import AddedHeaders
from djbundle.runtime.http.protocol.response_heads import ResponseHeads
from djbundle.runtime.http.streaming import generated_response
from djbundle.runtime.http.streaming.streams import Streams
from djbundle.runtime.http.wsgi import WsgiSite
from djbundle.runtime.options.http import HttpOptions
from tests.runtime.granian import Protocol, make_request
from tests.support.waiting import wait_until


def run_site(application: Any, protocol: Protocol, *, spool: io.BytesIO | None = None, **environ: Any) -> Protocol:
    site = WsgiSite(application, Streams(Limits(HttpOptions())), ResponseHeads(AddedHeaders(), None))
    request = make_request(protocol, **site.base_environ, **environ)
    request.spool = spool
    site.answer(request)
    assert protocol.over.wait(10)
    return protocol


def response_of(response: Iterable[bytes], **environ: Any) -> Protocol:
    def application(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("201 Created", [("X-A", "b")])
        return response

    return run_site(application, Protocol(), **environ)


@pytest.fixture(autouse=True)
def no_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do without databases: Django is not configured here."""
    monkeypatch.setattr(generated_response, "connections", SimpleNamespace(close_all=lambda: None))
    monkeypatch.setattr(HttpResponseBase, "close", lambda _self: None)


TEXT = "text/plain; charset=utf-8"
ID = ("X-Request-ID", "a")  # of the request, see make_request


@pytest.mark.parametrize(
    ("make", "how"),
    [
        (lambda: HttpResponse(b"abc", TEXT), "whole"),
        (lambda: [b"a", b"bc"], "whole"),
        (lambda: (part for part in (b"ab", b"c")), "parts"),
        (lambda: StreamingHttpResponse([b"a", b"bc"], content_type=TEXT), "parts"),
    ],
)
def test_answers_are_sent(make: Callable[[], Iterable[bytes]], how: str) -> None:
    sent = response_of(make())
    assert (sent.status, sent.headers, sent.body) == (201, [("X-A", "b"), ID], b"abc")
    assert len(sent.parts) == (1 if how == "whole" else 2)


class ClosableResponse:
    def __init__(self, parts: list[bytes]) -> None:
        self.parts, self.closed = parts, False

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.parts)

    def close(self) -> None:
        self.closed = True


class ClosableList(ClosableResponse, list[bytes]):
    """An answer whose parts are known."""


@pytest.mark.parametrize("kind", [ClosableResponse, ClosableList])
def test_answer_and_body_are_closed_behind_it(kind: type[ClosableResponse]) -> None:
    response, spool = kind([b"abc"]), io.BytesIO()
    assert response_of(response, spool=spool).body == b"abc"
    wait_until(lambda: response.closed, "it is closed")
    assert spool.closed


def test_the_body_of_a_request_that_fails_is_closed() -> None:
    def application(_environ: dict[str, Any], _start_response: Any) -> Iterable[bytes]:
        raise ValueError

    spool = io.BytesIO()
    with pytest.raises(ValueError):  # noqa: PT011 - ours
        run_site(application, Protocol(), spool=spool)
    assert spool.closed


def test_a_generator_may_begin_late() -> None:
    def application(_environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("404 Not Found", [("X-A", "b")])
        yield b"a"
        yield b"bc"

    sent = run_site(application, Protocol())
    assert (sent.status, sent.headers, sent.parts) == (404, [("X-A", "b"), ID], [b"a", b"bc"])


def test_an_application_sees_its_request_and_not_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://elsewhere")
    received_environ: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        received_environ.update(environ)
        start_response("204 No Content", [])
        return []

    run_site(application, Protocol(), PATH_INFO="/a")
    assert received_environ["PATH_INFO"] == "/a"
    assert received_environ["wsgi.multiprocess"] is True
    assert "HTTP_PROXY" not in received_environ, "which Django would take for a header of the client"


FORKS: dict[str, tuple[Callable[[], object], int]] = {  # what the copy does, and its exit code
    "returns": (lambda: None, 0),
    "exits": (lambda: sys.exit(3), 3),
    "exits with a text": (lambda: sys.exit("no"), 1),
    "raises": (lambda: 1 // 0, 1),
}


@pytest.mark.parametrize("name", FORKS)
def test_a_page_that_forks_and_comes_back_twice(name: str) -> None:
    """The copy of the process ends there: it would answer other requests once more."""
    act, code = FORKS[name]
    copies: list[int] = []

    def application(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        copies.append(os.fork())
        if not copies[0]:
            act()
        return [b"abc"]

    process = os.getpid()
    try:
        sent = run_site(application, Protocol())
    finally:
        if os.getpid() != process:
            os._exit(99)  # the copy went on
    assert sent.body == b"abc"
    _, status = os.waitpid(copies[0], 0)
    assert os.waitstatus_to_exitcode(status) == code
