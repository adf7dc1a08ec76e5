"""Threads that a site starts while it is loaded are told of, since forked processes do not have them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from djbundle.runtime.serve.loaded_threads import describe, report_threads


@pytest.fixture(autouse=True)
def no_threads_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the threads of other tests."""
    others, every = {*threading.enumerate()} - {threading.current_thread()}, threading.enumerate
    monkeypatch.setattr(threading, "enumerate", lambda: [each for each in every() if each not in others])


@pytest.fixture
def waiting() -> Iterator[threading.Event]:
    """Return what threads of a test wait for. It is set at the end."""
    event = threading.Event()
    yield event
    event.set()


def test_nothing_is_said_without_threads(capfd: pytest.CaptureFixture[str]) -> None:
    report_threads()
    assert capfd.readouterr().err == ""


def test_a_thread_and_an_executor_are_named(waiting: threading.Event, capfd: pytest.CaptureFixture[str]) -> None:
    def consume() -> None:
        waiting.wait()

    thread = threading.Thread(target=consume, name="consumer")
    thread.start()
    with ThreadPoolExecutor(1, thread_name_prefix="pool") as pool:
        pool.submit(int).result()
        report_threads()
        text = capfd.readouterr().err
        waiting.set()
    thread.join()
    assert "the site has started 2 threads while it was loaded" in text
    assert f"consumer ({Path(__file__)}:{consume.__code__.co_firstlineno})" in text
    assert "pool_0" in text


def test_a_thread_of_a_class_of_its_own() -> None:
    class Poller(threading.Thread):
        def run(self) -> None:
            pass

    assert describe(Poller(name="poller")).startswith(f"poller ({Path(__file__)}:")
