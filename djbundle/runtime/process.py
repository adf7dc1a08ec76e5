"""Child processes that never outlive their parent, and the names under which top and pkill know them."""

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def fork(run: Callable[[], int]) -> int:
    """Run `run` in a child with a process group of its own and default signal handling; the child's process id."""
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        die_with(parent)
        os.setpgid(0, 0)  # Ctrl-C on the terminal reaches the supervisor alone, which stops its children in order
        reset_signals()
        code = run()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def die_with(parent: int) -> None:
    """Have the kernel kill this process as soon as `parent`, which has forked it, is gone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before the call
        os._exit(1)


def set_name(name: str) -> None:
    """Name this process, "ld-linux-x86-64" by its executable; the kernel keeps 15 bytes (proc_pid_comm(5))."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name)


def reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
