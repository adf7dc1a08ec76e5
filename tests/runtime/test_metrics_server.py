"""Failed scrapes of metrics, and uncaught errors, give lines of the log and nothing else."""

import os
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus

import pytest

from djbundle.runtime.logs import uncaught
from djbundle.runtime.metrics.server import MAX_ANSWERING, MAX_READING, MetricsHandler, MetricsServer
from djbundle.runtime.process import forking
from djbundle.runtime.process.heartbeat import Heartbeat
from tests.support.waiting import wait_until


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

    with serving(tell) as (_, port), pytest.raises(urllib.error.HTTPError, match="500") as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20)
    refused.value.close()
    assert_one_line(capfd, "metrics cannot be collected: no driver")


def test_any_other_error(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(MetricsHandler, "do_GET", fail)
    with serving(str) as (_, port), pytest.raises(OSError, match=r"closed|reset"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20)
    assert_one_line(capfd, "something else")


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return str(answer.read().decode())


def test_clients_that_say_nothing_hold_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest make room for new ones; none has to time out first."""
    monkeypatch.setattr("djbundle.runtime.metrics.server.REQUEST_TIMEOUT", 1e6)
    monkeypatch.setattr(MetricsHandler, "timeout", 1e6)
    before = threading.active_count()  # those that earlier tests have left
    with serving(lambda: "told") as (server, port), ExitStack() as stack:
        for number in range(3 * MAX_READING):
            silent = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            silent.sendall(b"GET /metrics HTTP/1.1\r\nX-A: b"[: number % 30])
            assert scrape(port) == "told"
        wait_until(lambda: len(server._reading) <= MAX_READING, "the oldest are closed")
        wait_until(lambda: threading.active_count() - before <= 2 * MAX_READING + 10, "their threads have ended")


def test_who_asks_at_once_gets_one_answer() -> None:
    """Nobody can make the site collect more than once at a time, and no answer is older than its question."""
    may_end, counts = threading.Event(), []

    def tell() -> str:
        counts.append(1)
        assert may_end.wait(60)
        return str(len(counts))

    answers: list[str] = []
    with serving(tell) as (server, port):
        threads = [threading.Thread(target=lambda: answers.append(scrape(port))) for _ in range(MAX_ANSWERING)]
        threads[0].start()
        wait_until(lambda: counts, "the first is being answered")
        for each in threads[1:]:
            each.start()
        wait_until(lambda: not server.answering._value, "no more may wait")
        with pytest.raises(urllib.error.HTTPError, match="503") as refused:
            scrape(port)
        refused.value.close()
        may_end.set()
        for each in threads:
            each.join()
    assert (sorted(answers), len(counts)) == (["1"] + ["2"] * (MAX_ANSWERING - 1), 2)


def test_a_collection_that_hangs_beats_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("djbundle.runtime.metrics.server.COLLECT_TIMEOUT", 0.05)
    may_end = threading.Event()
    with serving(lambda: str(may_end.wait(60))) as (server, port):
        client = threading.Thread(target=scrape, args=[port])
        client.start()
        wait_until(lambda: server.collector.hangs, "it hangs")
        before = server._heartbeat.times()
        server.service_actions()
        assert server._heartbeat.times() == before
        may_end.set()
        client.join()
        assert not server.collector.hangs


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
