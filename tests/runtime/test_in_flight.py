"""The requests in flight in a web process when it died, as its parent sees them."""

import asyncio
import contextlib
import faulthandler
import os
import signal
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from djbundle.runtime.http.asgi.middleware import AsgiMiddleware
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.added_headers import AddedHeaders
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.protocol.response_heads import ResponseHeads
from djbundle.runtime.http.streaming import generated_response
from djbundle.runtime.http.streaming.streams import Streams
from djbundle.runtime.http.wsgi import WsgiSite
from djbundle.runtime.options.http import HttpOptions
from djbundle.runtime.process.counters import Scoreboard
from djbundle.runtime.process.exit_reason import describe_exit
from djbundle.runtime.process.in_flight import NO_PLACE, InFlight
from tests.runtime.granian import FreeTurn, make_request
from tests.support.waiting import wait_until


def die(in_flight: InFlight, work: Callable[[], object]) -> int:
    """Do `work` in a child process, and return its exit code."""
    child = os.fork()
    if not child:
        faulthandler.disable()  # pytest's, which would print where it died
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_note_outlives_the_process(number: int) -> None:
    in_flight = InFlight()

    def work() -> None:
        in_flight.end(in_flight.begin(b"GET /before/"))
        in_flight.begin(b"POST /crash/")
        os.kill(os.getpid(), number)

    code = die(in_flight, work)
    assert code == -number
    assert describe_exit(code, "", is_out_of_memory=False, requests=in_flight.take()).endswith(
        " while answering POST /crash/"
    )
    assert in_flight.take() == [], "the next process has not been asked that"


def test_threads_do_not_end_each_others() -> None:
    in_flight = InFlight()
    places = {}

    def begin(name: str) -> None:
        places[name] = in_flight.begin(f"GET /{name}/".encode())

    threads = [threading.Thread(target=begin, args=(f"page{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in ("page1", "page3", "page4", "page5", "page6", "page7"):
        in_flight.end(places[name])
    assert in_flight.take() == ["GET /page0/", "GET /page2/"]


def test_more_at_once_than_there_are_places() -> None:
    in_flight = InFlight(2)
    places = [in_flight.begin(b"GET /%d" % number) for number in range(3)]
    assert places[2] == NO_PLACE
    for place in places:
        in_flight.end(place)
    assert in_flight.begin(b"GET /next") != NO_PLACE


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"/search/?token=secret", "GET /search/"),
        (b"/a\nerror: forged\x1b[2J\x00b", "GET /a%0Aerror:%20forged%1B%5B2J%00b"),
        (b"/a; it is started again", "GET /a%3B%20it%20is%20started%20again"),
        ("/ü\u202e".encode(), "GET /%C3%BC%E2%80%AE"),
        (b"/" + b"x" * 1000, "GET /" + "x" * 249 + "..."),
        (b"/100%25/", "GET /100%25/"),
    ],
)
def test_what_strangers_ask_for_cannot_forge_a_line(path: bytes, shown: str) -> None:
    in_flight = InFlight()
    in_flight.begin(b"GET " + path)
    assert in_flight.take() == [shown]


def test_many_requests_are_told_shortly() -> None:
    requests = [f"GET /{number}" for number in range(7)]
    assert describe_exit(3, "", is_out_of_memory=False, requests=requests) == (
        "ended with code 3 while answering GET /0, GET /1, GET /2, GET /3, GET /4 and 2 more"
    )


def fail() -> list[bytes]:
    raise RuntimeError("no answer")


@pytest.mark.parametrize("make", [lambda: [b"whole"], lambda: iter([b"in", b"parts"]), fail])
def test_request_is_ended_with_its_answer(monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any]) -> None:
    monkeypatch.setattr(generated_response, "connections", SimpleNamespace(close_all=lambda: None))
    in_flight, during = InFlight(), []

    def application(_environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        during.extend(in_flight.noted())
        return make()

    observer = Observer(Scoreboard.create(1).slot(0), access_log=False, in_flight=in_flight)
    site = WsgiSite(application, Streams(Limits(HttpOptions())), ResponseHeads(AddedHeaders(), observer))
    with contextlib.suppress(RuntimeError):
        site.answer(make_request(PATH_INFO="/page/"))
    assert during == ["GET /page/"]
    wait_until(lambda: not in_flight.noted(), "the request is ended")


@pytest.mark.parametrize("fails", [False, True])
def test_request_of_an_asgi_site_is_ended(fails: bool) -> None:
    in_flight, during = InFlight(), []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        during.extend(in_flight.noted())
        if fails:
            raise RuntimeError("no answer")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def nothing() -> Any:
        pass

    async def send(_message: Any) -> None:
        pass

    observer = Observer(Scoreboard.create(1).slot(0), access_log=False, in_flight=in_flight)
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/ü", "headers": [(b"host", b"a")]}
    scope |= {"client": ("127.0.0.1", 1), "djbundle.turn": FreeTurn()}
    scope |= {"scheme": "http", "http_version": "2", "djbundle.is_draining": False, "djbundle.peer": ("127.0.0.1", 1)}
    with contextlib.suppress(RuntimeError):
        asyncio.run(AsgiMiddleware(application, AddedHeaders(), observer, Limits(HttpOptions()))(scope, nothing, send))
    assert (during, in_flight.noted()) == (["GET /%C3%BC"], [])
