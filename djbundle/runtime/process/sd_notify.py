"""What systemd is told of a service with ``Type=notify``: sd_notify(3), in a few lines."""

import os
import socket
import time
from contextlib import suppress

SOCKET, WATCHDOG, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
PATIENCE = 1.0  # seconds for a state to be taken: a reader that is late must hear it, one that hangs must not hang us


def notify(*lines: str, patience: float = PATIENCE) -> None:
    """Tell it, where there is one that listens; never fails. A queue of few messages may be full."""
    address = os.environ.get(SOCKET, "")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.settimeout(patience)
        sender.sendto("\n".join(lines).encode(), address)


def ready(status: str) -> None:
    notify("READY=1", f"STATUS={status}", f"MAINPID={os.getpid()}")


def reloading() -> None:
    """`ready` follows, from this program or from the one that it becomes."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def stopping() -> None:
    notify("STOPPING=1")


def alive() -> None:
    """For the watchdog. One that finds no room is as good as heard: those before it wait to be read."""
    notify("WATCHDOG=1", patience=0)


def watchdog_interval() -> float | None:
    """Seconds between two signs of life, half of what systemd allows; None where it does not ask for any."""
    given, pid = os.environ.get(WATCHDOG, ""), os.environ.get(WATCHDOG_PID, "")
    if not given.isdecimal() or pid not in ("", str(os.getpid())):
        return None
    return int(given) / 1_000_000 / 2
