"""Runs what recurses, in each place where a project's code runs; and says how it ended."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable

from deep.chains import CHAINS
from deep.kinds import KINDS

HIGH_LIMIT = 10_000_000
# With a high limit, their time grows with the square of the depth.
SLOW_WHEN_DEEP = ("generator_from", "async_generator", "in_handler", "nodes_listed")


def end_of(name: str) -> str:
    """The class of the exception, or "" for none."""
    try:
        (KINDS | CHAINS)[name]()
    except BaseException as error:
        return type(error).__name__
    return ""


def with_high_limit(name: str) -> str:
    """The same, where only the stack sets a limit."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(HIGH_LIMIT)
    try:
        return end_of(name)
    finally:
        sys.setrecursionlimit(before)


def in_thread(run: Callable[[], str], stack: int = 0) -> str:
    """Run it in a thread of its own with a stack of so many bytes; 0 is as many as a thread has."""
    ends: list[str] = []
    threading.stack_size(stack)
    thread = threading.Thread(target=lambda: ends.append(run()))
    thread.start()
    threading.stack_size(0)
    thread.join()
    return ends[0]


def in_event_loop(name: str) -> str:
    """Run it in a callback of a loop; kinds that start a loop themselves cannot, and say so."""

    async def run() -> str:
        return end_of(name)

    return asyncio.run(run())


PLACES: dict[str, Callable[[str], str]] = {
    "here": end_of,
    "thread": lambda name: in_thread(lambda: end_of(name)),
    "small thread": lambda name: in_thread(lambda: end_of(name), 256 * 1024),
    "event loop": in_event_loop,
    "high limit": with_high_limit,
    "high limit in a thread": lambda name: in_thread(lambda: with_high_limit(name)),
}


def run_all(names: list[str], place: str) -> dict[str, str]:
    """How each ends, by name; and the process in which it did."""
    sys.unraisablehook = lambda _: None  # of finalizers, a line for each of a thousand calls
    skipped = SLOW_WHEN_DEEP if place.startswith("high") else ()
    ends = {name: PLACES[place](name) for name in names if name not in skipped}
    return ends | {"process": str(os.getpid())}
