"""Memory of a process that has been loaded and is about to work.

bootstrap.py switches garbage collection off: while modules load it finds nothing to free, and costs a fifth of the
start. What is loaded then stays until the end, so it is put out of the collector's sight; and forked processes go on
sharing the pages that nobody writes to any more.
"""

import contextlib
import ctypes
import gc
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

# New objects before a collection; Python's own is 700 or 2000. A request makes some thousands, and nearly all of them
# are freed without one.
THRESHOLD = 10_000

LOOK = 5.0  # seconds between looks at the heap
LONGEST_REST = 600.0  # seconds between them while there is nothing to give back
IDLE_REST = 30.0  # seconds between them in an idle process
IDLE = 0.05  # share of the time that an idle process uses a CPU at most
REST = 30.0  # seconds in which what has been unpacked may be wanted again

GROWTH = 4 << 20  # bytes by which a process may grow before it is looked at
DROPPED = 16 << 20  # bytes of large objects that are dropped before their cycles are looked for
PAGE = resource.getpagesize()

M_ARENA_MAX = -8  # malloc.h
ARENAS = 2  # heaps that threads share; with glibc's 16 each keeps what a large response once took

ORDINARY = gc.get_threshold()  # before the project's settings can change it


def start_collecting() -> None:
    """Collect garbage from now on, among what is made from now on."""
    gc.freeze()
    if gc.get_threshold() == ORDINARY:  # a project that sets its own knows why
        gc.set_threshold(THRESHOLD)
    gc.enable()


def share_heaps() -> None:
    """Have all threads take memory from a few heaps. Call it before there are threads."""
    with contextlib.suppress(AttributeError, OSError):  # another libc
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def share_what_is_loaded() -> None:
    """Before a fork: have nobody count who uses it. A count is written, and a page that is written to is not shared.

    The collector is asked what there is, so it must not have been put out of its sight.
    """
    if "_lasting" in sys.builtin_module_names:  # of a bundle's program
        import _lasting  # type: ignore[import-not-found]  # noqa: PLC0415

        _lasting.keep()


class Heap:
    """The heap of this process.

    glibc keeps freed memory. Large responses lie in reference cycles. These have few objects, so Python sees no reason
    to collect them.
    """

    def __init__(self) -> None:
        self.least = self.size = resident_size()  # bytes that the process needs, and had when it was tidied
        self.rest = LOOK  # seconds between two looks in vain
        self.tidied = -LONGEST_REST  # monotonic seconds
        self.looked, self.used = time.monotonic(), time.process_time()

    def give_back(self) -> None:
        """Give the kernel what is free, if it has grown. What it can not give back is looked at more and more rarely:
        it takes time in which nobody is answered.
        """
        size, now = resident_size(), time.monotonic()
        self.least = min(size, self.least)
        has_grown = size > self.size + GROWTH
        rest = min(self.rest, IDLE_REST) if self.was_idle(now) else self.rest
        if has_grown or (now >= self.tidied + rest and size > self.least + GROWTH):
            tidy()
            self.size = resident_size()
            was_in_vain = not has_grown and self.size > size - GROWTH
            self.rest = min(2 * self.rest, LONGEST_REST) if was_in_vain else LOOK
            self.tidied = now

    def was_idle(self, now: float) -> bool:
        """Return whether the process has done next to nothing since the last look."""
        wall, self.looked = now - self.looked, now
        before, self.used = self.used, time.process_time()
        return self.used - before < IDLE * wall


class Cycles:
    """Collects reference cycles of large objects.

    Python collects after a number of new objects, whatever their size. Django 6.1 leaves each response by ASGI in a
    cycle, so that a few large pages would stay for long.
    """

    def __init__(self) -> None:
        self.size = 0  # bytes since the last look

    def left(self, size: int) -> None:
        """Note that an object of so many bytes may lie in one."""
        self.size += size
        if self.size >= DROPPED:
            self.size = 0
            gc.collect(1)  # they are young


def tidy() -> None:
    """Free what nobody uses, and give it to the kernel."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # another libc
        ctypes.CDLL(None).malloc_trim(0)


def resident_size() -> int:
    """Return the bytes of this process that are in memory; 0 where the kernel does not tell."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    return 0


def release_archive() -> None:
    """Give back what the start has unpacked; a module that is imported later is unpacked again."""
    archive = sys.modules.get("_archive")  # not there where the tree is on disk
    if archive:
        archive.release()


def tidier() -> Callable[[], None]:
    """Return what gives back memory that is not needed any more; to be called about each second."""
    from djbundle.common.periodic import Periodic, steady  # noqa: PLC0415 - a start has no need of it

    archive = Periodic(REST, release_archive, due=steady() + REST)
    heap = Periodic(LOOK, Heap().give_back)

    def run() -> None:
        archive.run()
        heap.run()

    return run
