"""A thread of the site survives what other code raises in it, and answers what it was assigned."""

import contextvars
import ctypes
import decimal
import threading

import pytest

from djbundle.runtime.http.protocol.transport import Request
from djbundle.runtime.http.threads import SiteThreads
from tests.runtime.granian import Protocol, make_request
from tests.support.waiting import wait_until

THREADS = 3
ROUNDS = 20
LOADED = contextvars.ContextVar("LOADED", default="nobody")


class LateError(Exception):
    """A time limit that comes too late."""


def raise_in(thread: threading.Thread) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(LateError))


def threads_of_the_site() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("site-")]


@pytest.fixture
def others() -> set[threading.Thread]:
    """Return threads that earlier tests have left."""
    return {*threads_of_the_site()}


def test_requests_see_what_was_set_while_the_site_was_loaded() -> None:
    """A site sets the rounding of decimals in its settings, and gunicorn answers in the thread that has loaded them."""
    seen: list[tuple[str, int]] = []

    def site(request: Request) -> None:
        seen.append((LOADED.get(), decimal.getcontext().prec))
        LOADED.set("by a request")
        request.transport.respond(200, [], b"")

    def load() -> SiteThreads:
        LOADED.set("by the site")
        decimal.getcontext().prec = 7
        return SiteThreads(site, 1)

    pool = contextvars.copy_context().run(load)
    for number in range(2):
        pool.put(make_request(Protocol(), number=number))
        wait_until(lambda number=number: len(seen) > number, "it is answered")  # type: ignore[misc]
    assert seen == [("by the site", 7), ("by a request", 7)]
    assert LOADED.get() == "nobody"


def test_exceptions_raised_in_idle_threads(others: set[threading.Thread], capfd: pytest.CaptureFixture[str]) -> None:
    answered: list[int] = []

    def site(request: Request) -> None:
        answered.append(request.environ["number"])
        request.transport.respond(200, [], b"")

    pool = SiteThreads(site, THREADS)
    own = {*threads_of_the_site()} - others
    wait_until(lambda: len(pool.threads) == THREADS, "the threads have begun")
    for number in range(ROUNDS):
        for each in own:
            raise_in(each)
        pool.put(make_request(Protocol(), number=number))
        wait_until(lambda number=number: number in answered, "it is answered")  # type: ignore[misc]
    wait_until(lambda: not pool.busy, "nobody is busy")
    assert sorted(answered) == [*range(ROUNDS)], "each is answered once"
    assert all(each.is_alive() for each in own)
    assert len(pool.idle) == THREADS
    assert not pool.requests.counts
    assert "LateError" in capfd.readouterr().err
