"""Files of the data directory that are opened by their own name alone: no link leads away from them."""

import errno
import os
import stat
from pathlib import Path


def open_own(path: Path, flags: int, mode: int = 0o600) -> int:
    """The descriptor of a regular file of this user, or of root, that has one name.

    Raises OSError for a symbolic link, a pipe or a file of somebody else. Does not wait, whatever lies there.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid in (os.geteuid(), 0):
        return descriptor
    os.close(descriptor)
    raise PermissionError(errno.EPERM, "it is no file of our own", str(path))
