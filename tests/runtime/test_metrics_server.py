"""Failed scrapes of metrics, and uncaught errors, give lines of the log and nothing else."""

import os
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest

from djbundle.runtime.logs import uncaught
from djbundle.runtime.metrics.server import MetricsHandler, MetricsServer
from djbundle.runtime.process import forking
from djbundle.runtime.process.heartbeat import Heartbeat


@contextmanager
def serving(tell: Callable[[], str]) -> Iterator[tuple[MetricsServer, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = MetricsServer(listener, tell, Heartbeat(60))
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield server, listener.getsockname()[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def leave(port: int, request: bytes = b"GET /metrics HTTP/1.0\r\n\r\n") -> None:
    """Send a request, and disconnect with a reset before the response."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(request)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def test_scraper_that_leaves(capfd: pytest.CaptureFixture[str]) -> None:
    gone = threading.Event()

    def tell() -> str:
        assert gone.wait(20)
        return "x" * 10_000_000

    with serving(tell) as (_, port):
        for request in (
            b"GET /metrics HTTP/1.0\r\n\r\n",
            b"GET /metrics HTTP/1.0\r\n",
            b"",
            b"GET /else HTTP/1.0\r\n\r\n",
        ):
            gone.clear()
            leave(port, request)
            gone.set()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            assert len(answer.read()) == 10_000_000
    assert capfd.readouterr() == ("", "")


def test_scraper_that_leaves_meanwhile(capfd: pytest.CaptureFixture[str]) -> None:
    """The scraper has read a part of the response."""
    with serving(lambda: "x" * 10_000_000) as (_, port):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert client.recv(10)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            assert answer.status == HTTPStatus.OK
    assert capfd.readouterr() == ("", "")


def test_metrics_that_cannot_be_told(capfd: pytest.CaptureFixture[str]) -> None:
    def tell() -> str:
        raise RuntimeError("no driver")

    with serving(tell) as (_, port), pytest.raises(urllib.error.HTTPError, match="500"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20)
    assert_one_line(capfd, "metrics cannot be told: no driver")


def test_any_other_error(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(MetricsHandler, "do_GET", fail)
    with serving(str) as (_, port), pytest.raises(OSError, match=r"closed|reset"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20)
    assert_one_line(capfd, "something else")


class Brittle:
    def __del__(self) -> None:
        raise RuntimeError("in a destructor")


def test_errors_that_nobody_catches(capfd: pytest.CaptureFixture[str]) -> None:
    """Each forked process logs them."""

    def run() -> int:
        def fail() -> None:
            raise RuntimeError("in a thread")

        thread = threading.Thread(target=fail, name="helper")
        thread.start()
        thread.join()
        return 0

    def drop() -> int:
        Brittle()
        return 0

    for each, message in ((run, "thread helper failed"), (drop, "in a destructor")):
        # pytest has its own hooks
        threading_hook, unraisable_hook = threading.excepthook, sys.unraisablehook
        threading.excepthook, sys.unraisablehook = threading.__excepthook__, sys.__unraisablehook__
        try:
            _, status = os.waitpid(forking.fork(each, "shop web"), 0)
        finally:
            threading.excepthook, sys.unraisablehook = threading_hook, unraisable_hook
        assert status == 0
        assert_one_line(capfd, message)


def test_hooks_of_the_project_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def own(_caught: object) -> None:
        pass

    monkeypatch.setattr(threading, "excepthook", own)
    monkeypatch.setattr(sys, "unraisablehook", own)
    uncaught.log_uncaught()
    assert (threading.excepthook, sys.unraisablehook) == (own, own)


def assert_one_line(capfd: pytest.CaptureFixture[str], message: str) -> None:
    """Check that there is one line, in the log's format."""
    out, err = capfd.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("time=")
    assert "level=error" in line
    assert message in line
