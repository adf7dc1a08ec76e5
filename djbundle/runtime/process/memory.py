"""Memory of a process that is loaded and about to work.

bootstrap.py switches garbage collection off: while modules load it finds nothing to free, and costs a fifth of the
start. What is loaded stays until the end, so it is hidden from the collector. Then no process writes to its pages any
more, and forked processes go on sharing them.
"""

import contextlib
import ctypes
import gc
import resource
import sys
import time
from collections.abc import Callable, Iterator

from djbundle.common.processes import resident_memory

# New objects before a collection; Python's default is 700 or 2000. A request makes some thousands, and nearly all of
# them are freed without a collection.
THRESHOLD = 10_000

CHECK_INTERVAL = 5.0  # seconds between checks of the heap
MAX_INTERVAL = 600.0  # most seconds between them while there is nothing to give back
MAX_IDLE_INTERVAL = 30.0  # most seconds between them in an idle process
IDLE_CPU_SHARE = 0.05  # largest share of a CPU that an idle process uses
ARCHIVE_KEPT = 30.0  # seconds in which unpacked modules may be needed again

GROWTH = 4 << 20  # bytes by which a process may grow before it is trimmed
CYCLES_LIMIT = 32 << 20  # bytes of large objects that end, and by which the process grows, before cycles are collected
MAX_COLLECTION_SHARE = 0.05  # largest share of the time that these collections take
PAGE = resource.getpagesize()

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # malloc.h
ARENAS = 2  # heaps that all threads share; with glibc's 16, each keeps the memory of its largest response
# Bytes from which an object gets memory of its own, which the kernel has back when it ends. By itself, glibc raises
# this limit to the size of the largest object so far: then large responses leave holes in the heap, and it stays large.
LARGE_OBJECT = 256 << 10

DEFAULT_THRESHOLD = gc.get_threshold()  # before the project's settings can change it


def start_garbage_collection() -> None:
    """Start garbage collection, only of objects made from now on."""
    gc.freeze()
    if gc.get_threshold() == DEFAULT_THRESHOLD:  # a project that sets its own threshold keeps it
        gc.set_threshold(THRESHOLD)
    gc.enable()


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Collect no garbage in the block, in which a process loads the site for itself; free what it unpacks."""
    gc.disable()
    yield
    start_garbage_collection()
    release_archive()


def configure_malloc() -> None:
    """Let threads share a few heaps, and large objects lie outside of them. Call it before there are threads."""
    with contextlib.suppress(AttributeError, OSError):  # another libc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE_OBJECT)


def share_loaded_objects() -> None:
    """Make the loaded objects immortal: references to them are no longer counted. Call it before a fork.

    Each change of a count writes to a page, and such a page is no longer shared. The objects are those that the
    collector knows, so call it before they are hidden from the collector.
    """
    if "_immortal" in sys.builtin_module_names:  # only a bundle's program has it
        import _immortal  # type: ignore[import-not-found]  # noqa: PLC0415

        _immortal.make_all_immortal()


class Heap:
    """The heap of this process.

    glibc keeps freed memory. Large responses lie in reference cycles. These have few objects, so Python sees no reason
    to collect them.
    """

    def __init__(self) -> None:
        self.smallest_size = self.size = resident_memory()  # bytes: the least so far, and those after the last trim
        self.interval = CHECK_INTERVAL  # seconds to the next attempt; doubled after each that frees nothing
        self.last_trim = -MAX_INTERVAL  # monotonic seconds
        self.last_check, self.cpu_used = time.monotonic(), time.process_time()
        self.has_worked = False  # until the last check

    def trim(self) -> None:
        """Give free memory back to the kernel if the process has grown, and when it becomes idle after work.

        After an attempt that frees nothing, the next one waits longer: no request is answered during an attempt.
        """
        size, now, is_idle = resident_memory(), time.monotonic(), self.was_idle()
        self.smallest_size = min(size, self.smallest_size)
        has_grown, comes_to_rest = size > self.size + GROWTH, is_idle and self.has_worked
        self.has_worked = not is_idle
        interval = min(self.interval, MAX_IDLE_INTERVAL) if is_idle else self.interval
        is_due = now >= self.last_trim + interval and size > self.smallest_size + GROWTH
        if has_grown or comes_to_rest or is_due:
            collect_and_trim()
            self.size = resident_memory()
            was_useless = is_due and not has_grown and self.size > size - GROWTH
            self.interval = min(2 * self.interval, MAX_INTERVAL) if was_useless else CHECK_INTERVAL
            self.last_trim = now

    def was_idle(self) -> bool:
        """Return whether the process has used next to no CPU since the last check."""
        now = time.monotonic()
        wall, self.last_check = now - self.last_check, now
        before, self.cpu_used = self.cpu_used, time.process_time()
        return self.cpu_used - before < IDLE_CPU_SHARE * wall


class CycleCollector:
    """Collects reference cycles of large objects that the site leaves.

    Python collects after a number of new objects, whatever their size. So a few large pages that lie in cycles would
    stay in memory for long.
    """

    def __init__(self) -> None:
        self.size = 0  # bytes of large objects that ended since the last check
        self.smallest_memory = resident_memory()  # bytes, since the last collection
        self.next_at = 0.0  # when it may collect again, monotonic seconds

    def add(self, size: int) -> None:
        """Note that an object of `size` bytes has ended; collect if the memory of such objects is not freed."""
        self.size += size
        if self.size >= CYCLES_LIMIT:
            self.size = 0
            memory = resident_memory()
            self.smallest_memory = min(memory, self.smallest_memory)
            if memory >= self.smallest_memory + CYCLES_LIMIT and time.monotonic() >= self.next_at:
                self.collect()

    def collect(self) -> None:
        """Collect all generations: objects that lived during another collection are not among the youngest."""
        began = time.monotonic()
        gc.collect()
        ended = time.monotonic()
        self.next_at = ended + (ended - began) / MAX_COLLECTION_SHARE
        self.smallest_memory = resident_memory()


def collect_and_trim() -> None:
    """Free unused objects, and give their memory back to the kernel."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # another libc
        ctypes.CDLL(None).malloc_trim(0)


def release_archive() -> None:
    """Free what the start has unpacked; a module that is imported later is unpacked again."""
    archive = sys.modules.get("_archive")  # absent if the tree is on disk
    if archive:
        archive.release()


def trimmer() -> Callable[[], None]:
    """Return a function that gives back unneeded memory; call it about once a second."""
    from djbundle.common.periodic import Periodic, steady  # noqa: PLC0415 - a start has no need of it

    archive = Periodic(ARCHIVE_KEPT, release_archive, due=steady() + ARCHIVE_KEPT)
    heap = Periodic(CHECK_INTERVAL, Heap().trim)

    def run() -> None:
        archive.run()
        heap.run()

    return run
