"""Child processes that never outlive their parent, and the names that top and pkill use for them."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from djbundle.common.processes import die_with_parent, set_process_name
from djbundle.runtime.logs import lines, uncaught

DRAIN = signal.SIGUSR1  # drain, because another process serves too: disconnect clients, start no task; SIGTERM follows
MAX_NAME_LENGTH = 15  # bytes that the kernel keeps, see proc_pid_comm(5)
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, DRAIN)
RESET_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_of_site: dict[int, Any] = {}  # handlers that the site has set while it was loaded
_early: list[int] = []  # each DRAIN that arrived before there was a handler


def reset_signals_in_children() -> None:
    """Let no child, ours or Granian's, start with our signal handlers: a SIGTERM would only wake a copy of our loop.

    From now on each fork of this process, and of its children, begins with default handlers. Signals that arrive
    before that stay blocked until then. DRAIN is remembered until the process has a handler for it.
    """

    def after_in_child() -> None:
        reset_signals()
        unblock_stop_signals()

    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS),
        after_in_parent=unblock_stop_signals,
        after_in_child=after_in_child,
    )


def unblock_stop_signals() -> None:
    """Unblock the stop signals: those that were held back arrive now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def keep_handlers_of_site() -> None:
    """Remember the handlers that the site has set, for the processes that are forked. Call it before others are set."""
    handlers = {number: signal.getsignal(number) for number in RESET_SIGNALS}
    _of_site.update({number: handler for number, handler in handlers.items() if is_of_site(handler)})


def is_of_site(handler: object) -> bool:
    """Return whether a handler of a signal is neither ours, nor that of an event loop or of Python itself."""
    module = str(getattr(handler, "__module__", ""))
    return callable(handler) and module.partition(".")[0] not in ("djbundle", "asyncio", "_signal", "signal")


def early_drain_signals() -> list[int]:
    """Return each DRAIN that arrived too early. Call it once there is a handler.

    A process that misses DRAIN goes on accepting connections, and soon cuts them off when it is stopped.
    """
    return list(_early)


def resend_early_drain_signals() -> None:
    """Block the stop signals, and send each early DRAIN again: it waits for the program that this process becomes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    for number in early_drain_signals():
        os.kill(os.getpid(), number)


def fork(run: Callable[[], int], title: str) -> int:
    """Run `run` in a child called `title`, in its own process group; return the child's process id."""
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        die_with_parent(parent)
        set_process_name(title)
        uncaught.log_uncaught()
        os.setpgid(0, 0)  # Ctrl-C on the terminal reaches the supervisor alone, which stops its children in order
        code = run()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        lines.write("error", "serve", f"{title} failed", trace=traceback.format_exc())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def title(name: str, role: str) -> str:
    """Return a title such as "shop web". A long name is cut; the role stays whole."""
    return f"{name[: MAX_NAME_LENGTH - len(role) - 1]} {role}"


def reset_signals() -> None:
    """Set the handlers of an ordinary process. Those that the site has set while it was loaded stay."""
    signal.set_wakeup_fd(-1)
    for number in RESET_SIGNALS:
        if not is_of_site(signal.getsignal(number)):
            ordinary = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, _of_site.get(number, ordinary))
    _early.clear()
    signal.signal(DRAIN, lambda number, _frame: _early.append(number))
