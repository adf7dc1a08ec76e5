"""systemd's folder for the data of services with a user of their own (DynamicUser=), which root alone may enter.

Such a service sees its own data in there, by mounts of its own; /var/lib/NAME is a link to it. A command that becomes
the user of the data needs the same mounts.
"""

import ctypes
import os
from pathlib import Path

PRIVATE = Path("/var/lib/private")
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_SLAVE = 2, 4, 4096, 16384, 1 << 19  # linux/mount.h


def is_private(data: Path) -> bool:
    """Whether it is root who lets its owner in there."""
    return data.resolve().parent == PRIVATE


def show_to_owner(data: Path) -> None:
    """Let this process, and all that it starts, find `data` when it is no longer root; raises OSError."""
    folder = data.resolve()
    os.unshare(os.CLONE_NEWNS)
    mount("none", Path("/"), "none", MS_REC | MS_SLAVE)
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        mount("tmpfs", PRIVATE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        folder.mkdir()
        mount(f"/proc/self/fd/{descriptor}", folder, "none", MS_BIND)
    finally:
        os.close(descriptor)


def mount(source: str, target: Path, kind: str, flags: int, options: str = "") -> None:
    """mount(2)"""
    libc = ctypes.CDLL(None, use_errno=True)
    words = source.encode(), os.fsencode(target), kind.encode()
    if libc.mount(*words, ctypes.c_ulong(flags), options.encode()):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), str(target))
