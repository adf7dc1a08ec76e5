"""Requests for one host are redirected to another, by both interfaces."""

import asyncio
from argparse import ArgumentTypeError
from typing import Any

import pytest

from djbundle.runtime.http.host_redirects import HostRedirects, wrap
from djbundle.runtime.options.http import parse_redirect
from tests.runtime.granian import make_scope

REDIRECTS = HostRedirects({"www.shop.example": "shop.example"})
SITE = ("200 OK", None)


def by_wsgi(host: str, path: str, query: str, method: str = "GET") -> tuple[str, str | None]:
    answers = []

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        answers.append((status, dict(headers).get("Location")))

    def application(_environ: Any, start: Any) -> list[bytes]:
        start(SITE[0], [])
        return []

    environ = {"REQUEST_METHOD": method, "wsgi.url_scheme": "https", "HTTP_HOST": host}
    environ |= {"PATH_INFO": path.encode().decode("latin-1"), "QUERY_STRING": query}
    wrap(application, "wsgi", REDIRECTS)(environ, start_response)
    return answers[0]


def by_asgi(host: str, path: str, query: str, method: str = "GET") -> tuple[str, str | None]:
    sent: list[dict[str, Any]] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"status": 200, "headers": []})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = make_scope(method) | {"path": path, "query_string": query.encode("latin-1"), "scheme": "https"}
    scope["headers"] = [(b"host", host.encode())]
    asyncio.run(wrap(application, "asgi", REDIRECTS)(scope, None, send))
    location = dict(sent[0]["headers"]).get(b"location")
    phrases = {200: "200 OK", 301: "301 Moved Permanently", 308: "308 Permanent Redirect"}
    return phrases[sent[0]["status"]], location and location.decode()


@pytest.mark.parametrize("ask", [by_wsgi, by_asgi])
def test_redirects(ask: Any) -> None:
    moved = "301 Moved Permanently"
    assert ask("www.shop.example", "/a/", "b=c") == (moved, "https://shop.example/a/?b=c")
    assert ask("WWW.Shop.example:443", "/", "") == (moved, "https://shop.example/")
    assert ask("www.shop.example", "/grün/ä", "") == (moved, "https://shop.example/gr%C3%BCn/%C3%A4")
    assert ask("www.shop.example", "/", "", "POST") == ("308 Permanent Redirect", "https://shop.example/")
    assert ask("shop.example", "/", "") == SITE
    assert ask("", "/", "") == SITE


@pytest.mark.parametrize("ask", [by_wsgi, by_asgi])
def test_no_request_writes_a_header(ask: Any) -> None:
    _, location = ask("www.shop.example", "/a\r\nSet-Cookie: b", "c\r\nd e")
    assert location == "https://shop.example/a%0D%0ASet-Cookie:%20b?c%0D%0Ad%20e"
    _, location = ask("www.shop.example", "//evil.example/", "")
    assert location == "https://shop.example//evil.example/"


def test_options() -> None:
    assert parse_redirect("WWW.shop.example=shop.example:8443") == ("www.shop.example", "shop.example:8443")
    for wrong in ("www.shop.example", "a=a", "a=", "=b", "a=b/c", "a=b\nc", "a:1=b"):
        with pytest.raises(ArgumentTypeError):
            parse_redirect(wrong)
