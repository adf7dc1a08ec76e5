"""Opening files of the data directory without following a link."""

import contextlib
import errno
import os
import stat
from pathlib import Path


def open_own(path: str | Path, flags: int, mode: int = 0o600) -> int:
    """Return the descriptor of a regular file that has no second hard link and belongs to this user or to root.

    Raises OSError for a symbolic link, a pipe or a file of another user. Never blocks, whatever lies at `path`.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid in (os.geteuid(), 0):
        return descriptor
    os.close(descriptor)
    raise PermissionError(errno.EPERM, "it is no file of our own", str(path))


def read_own(path: Path) -> str:
    """Return the text of a file. Raises OSError as `open_own` does."""
    with open(open_own(path, os.O_RDONLY)) as file:
        return file.read()


def write_own(path: Path, text: str) -> None:
    """Write a file that only this user can read, durably, and all of it or nothing."""
    new = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    with open(open_own(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def remove_own(path: Path) -> None:
    """Remove a file, durably."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_file(file: Path) -> None:
    """Make the content of a file last through a power cut."""
    descriptor = open_own(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make renames in the folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
