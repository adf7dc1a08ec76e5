"""Sets up a process after it was forked, and reads what the kernel reports of another one."""

import contextlib
import ctypes
import os
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15  # linux/prctl.h
PAGE = os.sysconf("SC_PAGE_SIZE")


def die_with_parent(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent `parent` ends, however that ends. Linux only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # the parent ended before the call
        os._exit(1)


def set_process_name(name: str) -> None:
    """Set the name of this process, up to 15 bytes, from its main thread; by its executable it is "ld-linux-x86-64".

    gVisor does not take it by ``/proc/self/comm``.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode())


def end_copy(original: int) -> None:
    """End this process if it is not the process `original`, but one that the project has forked from it.

    Code that forks without exec may come back in both processes, be it by an exception such as that of sys.exit(). The
    copy would go on as if it were the original: do once more what waits there, and never end. Call this where the code
    of the project has returned or raised.
    """
    if os.getpid() == original:
        return
    error = sys.exception()
    with contextlib.suppress(BaseException):
        if error and not isinstance(error, SystemExit):
            traceback.print_exception(error)
        sys.stdout.flush()
        sys.stderr.flush()
    code = error.code if isinstance(error, SystemExit) else error and 1
    os._exit(code if isinstance(code, int) else int(code is not None))


class _Departure:
    """A work item for a thread of a pool. It ends this process if the thread is the one that has forked it."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def run(self, *_context: object) -> None:
        if threading.get_ident() == self._thread:
            os._exit(0)


def end_copies_of_pool_threads() -> None:
    """From now on, end each forked process whose thread goes back to its pool, as `end_copy` does.

    An ASGI server runs synchronous pages in such threads. Only the thread that forks is copied, with all work that
    waits for the threads of its pool.
    """
    from concurrent.futures import thread as pools  # noqa: PLC0415 - the supervisor has no need of it

    forking = threading.local()

    def before() -> None:
        forking.queues = [*pools._threads_queues.values()]  # from Python 3.14 on, this is empty in the forked process

    def after_in_child() -> None:
        for work in forking.queues:
            with contextlib.suppress(queue.Empty):
                while True:
                    work.get_nowait()
            work.put(_Departure())

    os.register_at_fork(before=before, after_in_child=after_in_child)


def use_line_buffering() -> None:
    """Flush standard output after each line, in this process and in all that it forks later.

    Into a pipe or a file, Python writes only when it has 8 KB, so the last lines of a killed process would be lost.
    """
    with contextlib.suppress(AttributeError, ValueError, OSError):  # other code has replaced sys.stdout
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def resident_memory(pid: int | None = None) -> int:
    """Return the resident memory of a process, by default of this one, in bytes; 0 if it is gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1]) * PAGE
    return 0


def state(pid: int) -> str:
    """Return the letter for the state of a process, "Z" for one that was not reaped; "" if it is gone."""
    fields = stat_fields(pid)
    return fields[0] if fields else ""


def start_time(pid: int) -> str:
    """Return when a live process was started, in clock ticks since boot; "" if there is none."""
    fields = stat_fields(pid)
    return fields[19] if fields and fields[0] not in "ZX" else ""


def stat_fields(pid: int) -> list[str]:
    """Return the fields of proc_pid_stat(5) from the third, the state; [] if the process is gone.

    The second is a name in parentheses. Every process can set its own, to any bytes.
    """
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return []
