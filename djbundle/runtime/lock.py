"""One server for each data directory."""

import fcntl
import os
from pathlib import Path

from djbundle.errors import DataDirectoryBusyError

FILE_NAME = "serve.lock"


def is_locked(data: Path) -> bool:
    """Whether a server has it. It holds the lock while it becomes another program, too."""
    try:
        lock = os.open(data / FILE_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def lock_data_directory(data: Path) -> int:
    """Take the lock; the descriptor that holds it until it is closed, in this process and in each that it forks."""
    lock = os.open(data / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(lock, 32).decode().strip() or "unknown"
        os.close(lock)
        raise DataDirectoryBusyError(
            f"the data directory {data} is served by another instance already (process {holder})",
            "stop that one, or choose another folder:  --data-dir DIR",
        ) from error
    os.truncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock
