"""Tasks whose outcome is hard to write down, or that harm their process and their worker."""

import asyncio
import atexit
import ctypes
import gc
import math
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, Never

from django.db import connection
from django.tasks import TaskContext

from djbundle.tasks import RetryAfter
from djbundle.tasks.typed import task
from djbundle.tasks.worker.process import executor

ANYTHING: list[Any] = []  # what the next `return_anything` returns, in the process that runs it


class Leaf(str):
    """Like a string of BeautifulSoup: part of a tree, which cannot be pickled."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> Never:
        raise RecursionError("the tree is too deep")


class MuteError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class EvilError(Exception):
    """It exits at any access to an attribute."""

    def __getattribute__(self, name: str) -> Never:
        sys.exit(3)


class EvilKind(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__module__", "__name__", "__qualname__"):
            sys.exit(3)
        return super().__getattribute__(name)


class NamelessError(Exception, metaclass=EvilKind):
    """Its class exits when its name is read."""


class UnsayableError(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)

    __repr__ = __str__


def circle() -> list[Any]:
    around: list[Any] = []
    around.append(around)
    return around


def deep(levels: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(levels):
        inner = [inner]
    return inner


def numbers() -> Iterator[int]:
    yield 1


RETURNED: dict[str, Callable[[], Any]] = {
    "leaf": lambda: Leaf("text"),
    "leaves": lambda: {Leaf("key"): [Leaf("text")]},
    "long number": lambda: 10**5000,
    "nan": lambda: math.nan,
    "circle": circle,
    "deep": lambda: deep(100_000),
    "set": lambda: {1},
    "bytes": lambda: b"\xff",
    "generator": numbers,
    "too long": lambda: "x" * (9 << 20),
    "half of a pair": lambda: {"\udcff": "\udcff"},
    "zero byte": lambda: ["\0"],
}
DELAYS = {"far": 1e12, "nan": math.nan, "infinite": math.inf, "past": -1e12}
PROGRESS: dict[str, tuple[Any, ...]] = {
    "decimal": (Decimal(1), 2),
    "nan": (math.nan, 2),
    "long number": (10**5000, 2),
    "text": ("one", 2),
    "half of a pair": (1, 2, "\udcff"),
    "zero byte": (1, 2, "\0"),
    "leaf": (1, 2, Leaf("text")),
    "long note": (1, 2, "x" * 1_000_000),
}
RAISED: dict[str, Callable[[], BaseException]] = {
    "long": lambda: ValueError("x" * 1_000_000),
    "mute": MuteError,
    "strange": lambda: type("Strange\udcff", (ValueError,), {"__module__": "\0"})("\udcff \0"),
    "exit": lambda: SystemExit(3),
    "leaf": lambda: ValueError(Leaf("text")),
    "evil": EvilError,
    "nameless": NamelessError,
    "unsayable": UnsayableError,
}


@task
def return_anything() -> Any:
    return ANYTHING[-1]


@task
def return_strange(name: str) -> Any:
    return RETURNED[name]()


@task
def put_off(name: str) -> None:
    raise RetryAfter(DELAYS[name])


@task(max_attempts=3, backoff=lambda _error, _result: 2.0**40)
def back_off_far() -> None:
    raise ValueError("far")


@task(max_attempts=3, backoff=lambda _error, _result: math.nan)
def back_off_nowhere() -> None:
    raise ValueError("nowhere")


@task(max_attempts=3, backoff=lambda _error, _result: sys.exit(3))
def back_off_and_exit() -> None:
    raise ValueError("exit")


@task(takes_context=True)
def tell(context: TaskContext, name: str) -> str:
    context.progress(*PROGRESS[name])  # type: ignore[attr-defined]
    return "told"


@task
def fail_strangely(name: str) -> None:
    raise RAISED[name]()


@task
async def fail_strangely_later(name: str) -> None:
    await asyncio.sleep(0)
    raise RAISED[name]()


@task(max_attempts=2, backoff=0, discard_on=(LookupError,))
def fail_strangely_twice(name: str) -> None:
    raise RAISED[name]()


def hang_in_backoff(_error: BaseException, _result: Any) -> float:
    time.sleep(1000)
    return 1.0


@task(timeout=0.3, max_attempts=2, backoff=hang_in_backoff)
def hang_twice() -> None:
    time.sleep(1000)


@task
def hold_the_interpreter(folder: str) -> None:
    """Hold the interpreter for minutes, as a bad regular expression does: no other thread of the process runs."""
    Path(folder, "held").touch()
    re.match(r"(a|a)*$", "a" * 40 + "b")


@task
def take(_data: str) -> None:
    """Accept an argument of any size."""


# --- processes ---


def square(number: int) -> int:
    return number * number


@task
def use_pool() -> list[int]:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(square, range(5))


def count_rows() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@task(timeout=60.0)
def query_in_processes() -> list[int]:
    """Query in two child processes, which have their own connections; the task's connection still works.

    With a timeout the task has a process of its own. Beside other tasks that use SQLite, the new processes might take
    the database for locked: the fork copies SQLite's records of locks, but not the threads that hold them.
    """
    count_rows()
    processes = [multiprocessing.get_context("fork").Process(target=count_rows) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(20)
    count_rows()
    return [process.exitcode if process.exitcode is not None else -1 for process in processes]


def wait_long() -> None:
    time.sleep(1000)


@task
def die_with_a_process(folder: str) -> None:
    """Die while a child process goes on, which has inherited all open files."""
    process = multiprocessing.get_context("fork").Process(target=wait_long)
    process.start()
    Path(folder, "pids").write_text(str(process.pid))
    os.kill(os.getpid(), signal.SIGKILL)


@task(timeout=1.0)
def hang_with_processes(folder: str) -> None:
    started = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE)
    assert started.stdout
    Path(folder, "pids").write_text(f"{started.pid} {started.stdout.readline().decode()}")
    started.wait()


ESCAPES = """
import os, sys, time
def tell():
    with open(sys.argv[1] + "/pids", "a") as file:
        file.write(f"{os.getpid()}\\n")
tell()
if not os.fork():  # a daemon: a session of its own, and its parent ends
    os.setsid()
    if os.fork():
        os._exit(0)
    tell()
    time.sleep(1000)
if not os.fork():  # one that goes on by starting itself anew, in ever new groups
    for _ in range(100_000):
        if os.fork():
            os._exit(0)
        os.setsid()
        time.sleep(0.001)
time.sleep(1000)
"""


@task(timeout=2.0)
def hang_with_daemons(folder: str) -> None:
    subprocess.Popen([sys.executable, "-c", ESCAPES, folder], start_new_session=True)
    time.sleep(1000)


@task(timeout=60.0)
def leave_a_daemon(folder: str) -> int:
    with subprocess.Popen(["sh", "-c", "setsid sleep 1000 >&- & echo $!"], stdout=subprocess.PIPE) as shell:
        assert shell.stdout
        Path(folder, "pids").write_bytes(shell.stdout.read())
    return os.getpid()


@task
def register(folder: str) -> None:
    """Register an exit handler, as exporters of traces do."""
    atexit.register(Path(folder, "flushed").touch)


@task
def tell_server_process() -> int:
    """Return the id of the PostgreSQL process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@task
async def stop_the_loop() -> None:
    """Stop the event loop, which other tasks share."""
    asyncio.get_running_loop().stop()
    await asyncio.sleep(60)


CHANGES: dict[str, Callable[[asyncio.AbstractEventLoop], Any]] = {
    "task factory": lambda loop: loop.set_task_factory(lambda *_, **__: sys.exit(3)),
    "task factory that raises": lambda loop: loop.set_task_factory(lambda *_, **__: 1 / 0),  # type: ignore[arg-type]
    "exception handler": lambda loop: loop.set_exception_handler(lambda *_: sys.exit(3)),
    "default executor": lambda loop: loop.set_default_executor(closed_executor()),
    "shut down executor": lambda loop: loop.shutdown_default_executor(),
    "shut down generators": lambda loop: loop.shutdown_asyncgens(),
}


def closed_executor() -> ThreadPoolExecutor:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    return executor


@task
async def change_the_loop(name: str) -> None:
    """Change the event loop as code does that has it alone."""
    if awaitable := CHANGES[name](asyncio.get_running_loop()):
        await awaitable


async def tick() -> AsyncIterator[str]:
    for _ in range(5):
        await asyncio.sleep(0.01)
        yield "tick"


@task
async def use_the_loop() -> str:
    """Use what the loop has for all tasks: other tasks, threads, generators."""
    ticks = [each async for each in tick()]
    async with asyncio.TaskGroup() as group:
        threads = [group.create_task(asyncio.to_thread(len, ticks)) for _ in range(3)]
    return f"{[each.result() for each in threads]}"


@task
async def wait_a_little() -> str:
    await asyncio.sleep(0.05)
    return "done"


@task
def stop_the_process() -> None:
    """Stop the process, as Ctrl-Z and debuggers do."""
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(300)  # the kernel stops one thread after the other: until then, this one must not end its task


# --- threads ---


@task
def interrupt_later(seconds: float) -> None:
    """Interrupt the thread like a soft time limit that comes when its task has just ended."""
    interrupt = ctypes.pythonapi.PyThreadState_SetAsyncExc
    thread = ctypes.c_ulong(threading.get_ident())
    threading.Timer(seconds, interrupt, [thread, ctypes.py_object(KeyboardInterrupt)]).start()


def executor_of_this_process() -> Any:
    """Return the executor of this process."""
    return next(each for each in gc.get_objects() if type(each) is executor.Executor)


@task
def silence() -> None:
    """Make the process neither begin a task nor answer."""
    threading.Timer(0.3, executor_of_this_process()._changed.acquire).start()


@task
def tire() -> None:
    """Make the process answer, but begin no task."""
    executor_of_this_process()._may_take = bool
