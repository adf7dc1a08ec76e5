"""Reports the state of a service with ``Type=notify`` to systemd: sd_notify(3), in a few lines."""

import os
import socket
import time
from contextlib import suppress

SOCKET, WATCHDOG, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
SEND_TIMEOUT = 1.0  # seconds to send a state: a slow reader must still get it, one that hangs must not block us


def notify(*lines: str, timeout: float = SEND_TIMEOUT) -> None:
    """Send the lines to systemd if it listens. Never raise an error. Its queue takes few messages, and may be full."""
    address = os.environ.get(SOCKET, "")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.settimeout(timeout)
        sender.sendto("\n".join(lines).encode(), address)


def ready(status: str) -> None:
    notify("READY=1", f"STATUS={status}", f"MAINPID={os.getpid()}")


def reloading() -> None:
    """Report a reload. `ready` follows, from this program or from the one that it becomes."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def stopping() -> None:
    notify("STOPPING=1")


def alive() -> None:
    """Report to the watchdog. A report that finds the queue full is not needed: earlier ones wait in it."""
    notify("WATCHDOG=1", timeout=0)


def watchdog_interval() -> float | None:
    """Return the seconds between two watchdog reports, half of what systemd allows; None if it wants none."""
    microseconds, pid = os.environ.get(WATCHDOG, ""), os.environ.get(WATCHDOG_PID, "")
    if not microseconds.isdecimal() or pid not in ("", str(os.getpid())):
        return None
    return int(microseconds) / 1_000_000 / 2
