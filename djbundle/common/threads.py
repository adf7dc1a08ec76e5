"""Finds the threads and child processes that a forked process would not have, and the lines that started the threads.

Only the thread that forks lives on in a forked process. So a consumer behind a queue, a scheduler, or an executor that
was used once would be silent there: what is given to it waits for ever. The same is true of threads of libraries that
are not written in Python.

A program that the site has started is not a child of a forked process either. There, `subprocess` reports that the
program has ended. And all processes would share the one pipe to it.
"""

import contextlib
import json
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self
from weakref import WeakKeyDictionary

from djbundle.common.child import ChildDiedError, run_in_child

TASKS = Path("/proc/self/task")
FORK_TIMEOUT = 10.0  # seconds for a forked process to tell which threads it has

THREAD, PROCESS = "thread", "child process"
KINDS = {THREAD: "threads", PROCESS: "child processes"}  # with their plurals

IsOwn = Callable[[FrameType], bool]


@dataclass(frozen=True, slots=True)
class LostThread:
    """A thread that a forked process would not have. `place` is where it was started: "/app/shop/apps.py:12", or "".

    It may also be a child process.
    """

    name: str
    place: str
    kind: str = THREAD

    def __str__(self) -> str:
        return f"{self.name} ({self.place})" if self.place else self.name


def describe(threads: Sequence[LostThread]) -> str:
    """Return "a thread: ..." or "3 threads: ...". Those with the same name and place, as of a pool, are named once."""
    return ", and ".join(
        _describe_kind(kind, [str(each) for each in threads if each.kind == kind])
        for kind in KINDS
        if any(each.kind == kind for each in threads)
    )


def _describe_kind(kind: str, names: Sequence[str]) -> str:
    texts = [text if count == 1 else f"{count} of {text}" for text, count in Counter(names).items()]
    return f"{f'{len(names)} {KINDS[kind]}' if len(names) > 1 else f'a {kind}'}: {', '.join(texts)}"


class ThreadStarts:
    """Records, in a block, which line of code starts each thread.

    A line for which `is_own` is true comes first, else it is the first line that is not in the standard library.
    """

    def __init__(self, is_own: IsOwn) -> None:
        self._is_own = is_own
        self._places: WeakKeyDictionary[threading.Thread, str] = WeakKeyDictionary()
        self._children_before: set[int] | None = None

    def __enter__(self) -> Self:
        if self._children_before is None:
            self._children_before = {*_child_processes()}
        start, places = threading.Thread.start, self._places

        def start_and_record(thread: threading.Thread) -> None:
            with contextlib.suppress(Exception):  # an odd frame must not keep a thread from starting
                places[thread] = self._place_in(sys._getframe(1))
            start(thread)

        self._start, self._replaced = start, start_and_record
        threading.Thread.start = start_and_record  # type: ignore[method-assign,assignment]
        return self

    def __exit__(self, *_: object) -> None:
        if threading.Thread.start is self._replaced:  # else a library of the site has wrapped it, and keeps it
            threading.Thread.start = self._start  # type: ignore[method-assign]

    def place_of(self, thread: threading.Thread) -> str:
        """Return where the thread was started, or where the function stands that it runs; "" if that is not known."""
        if place := self._places.get(thread):
            return place
        target = getattr(thread, "_target", None) or type(thread).run
        code = getattr(target, "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code else ""

    def new_children(self) -> dict[int, str]:
        """Return the names of the child processes since the block began, by their ids; none if there was no block."""
        before = self._children_before
        return {} if before is None else {key: name for key, name in _child_processes().items() if key not in before}

    def _place_in(self, frame: FrameType | None) -> str:
        first = ""
        while frame:
            place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            if self._is_own(frame):
                return place
            if not first and not _is_of_standard_library(frame):
                first = place
            frame = frame.f_back
        return first


def _is_of_standard_library(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in {*sys.stdlib_module_names, __name__}


def find_lost_threads(starts: ThreadStarts) -> list[LostThread]:
    """Return the threads of this process, but this one, that a forked process does not have.

    If there are any, a process is forked to look. A library may start its threads again in it, by os.register_at_fork.
    Or it ends them before the fork, by pthread_atfork(3), and starts them again when they are needed.
    """
    children = [LostThread(name, "", PROCESS) for name in sorted(starts.new_children().values())]
    if not (_python_threads() or _native_threads()):
        return children
    restarted, restarted_native = _threads_after_fork()
    lost = []
    for thread in _python_threads():
        if restarted[_kind_of(thread)] > 0:
            restarted[_kind_of(thread)] -= 1
        else:
            lost.append(LostThread(thread.name, starts.place_of(thread)))
    native = sorted(_native_threads().values())
    return lost + [LostThread(f"{name}, not of Python", "") for name in native[restarted_native:]] + children


def _python_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each is not threading.current_thread()]


def _native_threads() -> dict[int, str]:
    """Return the names of the threads of which Python does not know, by their ids."""
    known = {threading.get_native_id(), *(each.native_id for each in threading.enumerate())}  # a fork changes the first
    names = {}
    for folder in TASKS.iterdir():
        if int(folder.name) not in known:
            with contextlib.suppress(OSError):  # it has just ended
                names[int(folder.name)] = (folder / "comm").read_text().strip()
    return names


def _child_processes() -> dict[int, str]:
    """Return the names of the programs that are children of this process, by their ids.

    A child that has ended does not count, nor one of multiprocessing that serves forked processes too.
    """
    names = {}
    for folder in TASKS.iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended, or a kernel that does not tell
            for child in (folder / "children").read_text().split():
                name, _, rest = Path(f"/proc/{child}/stat").read_text().partition("(")[2].rpartition(")")
                if rest.split()[0] != "Z":
                    names[int(child)] = name
    return {key: name for key, name in names.items() if key not in _helpers_of_multiprocessing()}


def _helpers_of_multiprocessing() -> set[object]:
    tracker = sys.modules.get("multiprocessing.resource_tracker")
    server = sys.modules.get("multiprocessing.forkserver")
    return {
        getattr(getattr(tracker, "_resource_tracker", None), "_pid", None),
        getattr(getattr(server, "_forkserver", None), "_forkserver_pid", None),
    }


def _kind_of(thread: threading.Thread) -> str:
    """Return what a thread does, as its class and its function tell: a library may name each of its threads anew."""
    target: Any = getattr(thread, "_target", None) or type(thread).run
    return f"{type(thread).__module__}.{type(thread).__qualname__} {getattr(target, '__qualname__', '')}"


def _threads_after_fork() -> tuple[Counter[str], int]:
    """Return the kinds of Python's threads that a forked process has, and how many other threads."""

    def tell() -> str:
        return json.dumps([Counter(map(_kind_of, _python_threads())), len(_native_threads())])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of a fork beside threads
        try:
            kinds, native = json.loads(run_in_child(tell, FORK_TIMEOUT))
        except (ChildDiedError, TimeoutError, ValueError, OSError):
            return Counter(), 0
    return Counter(kinds), native
