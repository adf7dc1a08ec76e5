"""The lock that permits only one server for each data directory."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from djbundle.contract.layout import SERVE_LOCK
from djbundle.errors import DataDirectoryBusyError, DataDirectoryError, DjbundleError
from djbundle.runtime.core.own_files import open_own

LOCK_TIMEOUT = 5.0  # seconds to wait for a killed server's children to exit
POLL_INTERVAL = 0.02  # seconds between attempts


def is_served(data: Path) -> bool:
    """Return whether a server holds the lock. It also holds the lock while it becomes another program."""
    return is_locked(data / SERVE_LOCK)


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock of this file, of whichever user the file is."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


@contextlib.contextmanager
def held(path: Path, busy: DjbundleError) -> Iterator[None]:
    """Hold the lock of a file while the block runs. Raise `busy` if another process holds it."""
    lock = open_own(path, os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        yield
    finally:
        os.close(lock)


def lock_data_directory(data: Path) -> int:
    """Take the lock; return its descriptor, which holds it until it is closed here and in each forked process.

    The first process of a container may serve beside another instance: Kamal and ONCE start the new container before
    they stop the old one. It takes the lock when the other instance has exited.
    """
    lock = _open(data / SERVE_LOCK)
    deadline = time.monotonic() + LOCK_TIMEOUT
    while not try_lock(lock) and os.getpid() != 1:
        holder = os.pread(lock, 32, 0).decode().strip()
        if not _is_gone(holder) or time.monotonic() > deadline:
            os.close(lock)
            raise DataDirectoryBusyError(
                f"the data directory {data} is served by another instance already (process {holder or 'unknown'})",
                "stop that one, or choose another folder:  --data-dir DIR",
            )
        time.sleep(POLL_INTERVAL)
    return lock


def _open(path: Path) -> int:
    try:
        return open_own(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise DataDirectoryError(
            f"cannot lock the data directory by {path}: {error.strerror}", "see what lies there, and move it away"
        ) from error


def _is_gone(holder: str) -> bool:
    """Return whether the process with this id has exited, so that only its children hold the lock."""
    return holder.isdecimal() and not Path("/proc", holder).exists()


def try_lock(lock: int) -> bool:
    """Take the lock if it is free; return whether this process holds it now. It may have held it before."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    os.truncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return True
