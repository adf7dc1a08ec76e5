"""Threads that a fork would end are found, with the line that started each; those that come again are no loss."""

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import resource_tracker
from pathlib import Path
from types import FrameType

import pytest

from djbundle.common import threads
from djbundle.common.threads import LostThread, ThreadStarts, describe, find_lost_threads
from tests.support.waiting import wait_until

HERE = str(Path(__file__))


@pytest.fixture(autouse=True)
def no_threads_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the threads of other tests."""
    others, every = {*threading.enumerate()} - {threading.current_thread()}, threading.enumerate
    native, find_native = {*threads._native_threads()}, threads._native_threads
    hidden = native | {each.native_id for each in others}
    monkeypatch.setattr(threading, "enumerate", lambda: [each for each in every() if each not in others])
    monkeypatch.setattr(
        threads, "_native_threads", lambda: {key: name for key, name in find_native().items() if key not in hidden}
    )


@pytest.fixture
def waiting() -> Iterator[threading.Event]:
    """Return what threads of a test wait for. It is set at the end."""
    event = threading.Event()
    yield event
    event.set()


def is_here(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") == __name__


def lost_after(start: Callable[[], object], is_own: Callable[[FrameType], bool] = is_here) -> list[LostThread]:
    with ThreadStarts(is_own) as starts:
        start()
    return find_lost_threads(starts)


def test_nothing_is_found_without_threads() -> None:
    assert lost_after(lambda: None) == []


def test_a_thread_and_an_executor_are_named(waiting: threading.Event) -> None:
    with ThreadPoolExecutor(1, thread_name_prefix="pool") as pool:

        def start() -> None:
            threading.Thread(target=waiting.wait, name="consumer", daemon=True).start()
            pool.submit(int).result()

        first = start.__code__.co_firstlineno
        assert [str(each) for each in lost_after(start)] == [
            f"consumer ({HERE}:{first + 1})",
            f"pool_0 ({HERE}:{first + 2})",
        ]


def test_without_a_line_of_the_project_the_package_is_named(waiting: threading.Event) -> None:
    def start() -> None:
        threading.Thread(target=waiting.wait, daemon=True).start()

    (lost,) = lost_after(start, lambda frame: False)  # noqa: ARG005
    assert lost.place == f"{HERE}:{start.__code__.co_firstlineno + 1}"


def test_a_thread_that_was_started_before_is_named_by_its_function(waiting: threading.Event) -> None:
    class Poller(threading.Thread):
        def run(self) -> None:
            waiting.wait()

    Poller(name="poller", daemon=True).start()
    (lost,) = lost_after(lambda: None)
    assert (lost.name, lost.place.rpartition(":")[0]) == ("poller", HERE)


def test_a_thread_that_is_started_again_after_a_fork_is_not_lost(waiting: threading.Event) -> None:
    is_active = True

    def start() -> None:
        if is_active:
            threading.Thread(target=waiting.wait, daemon=True).start()

    def start_for_good() -> None:
        start()
        os.register_at_fork(after_in_child=start)

    try:
        assert lost_after(start_for_good) == []
    finally:
        is_active = False  # a registered function stays until the end of the process


def test_a_thread_of_a_library_is_found() -> None:
    libc, thread = ctypes.CDLL(None), ctypes.c_ulong()
    seconds = ctypes.create_string_buffer((60).to_bytes(8, "little") + bytes(8))
    libc.pthread_create(ctypes.byref(thread), None, libc.nanosleep, seconds)
    (lost,) = lost_after(lambda: None)
    libc.pthread_cancel(thread)
    libc.pthread_join(thread, None)
    assert lost.name.endswith(", not of Python")


def test_a_program_that_was_started_is_found() -> None:
    with subprocess.Popen(["sleep", "60"]) as before, ThreadStarts(is_here) as starts:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as program, subprocess.Popen(["true"]) as ended:
            os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
            wait_until(lambda: "cat" in starts.new_children().values(), "the program runs")
            assert find_lost_threads(starts) == [LostThread("cat", "", "child process")]
            assert program.stdin
            program.stdin.close()
        before.kill()
    assert find_lost_threads(starts) == []


def test_the_tracker_of_shared_memory_is_none() -> None:
    def start() -> None:
        resource_tracker.ensure_running()

    assert lost_after(start) == []


def test_threads_of_a_pool_are_named_once() -> None:
    pool, consumer = LostThread("pool", ""), LostThread("consumer", "a.py:1")
    assert describe([pool, consumer, pool]) == "3 threads: 2 of pool, consumer (a.py:1)"
    assert describe([consumer]) == "a thread: consumer (a.py:1)"
    program = LostThread("cat", "", "child process")
    assert describe([pool, program]) == "a thread: pool, and a child process: cat"
    assert describe([program, program]) == "2 child processes: 2 of cat"


def test_start_is_as_before_after_the_block() -> None:
    before = threading.Thread.start
    with ThreadStarts(is_here):
        assert threading.Thread.start is not before
    assert threading.Thread.start is before
