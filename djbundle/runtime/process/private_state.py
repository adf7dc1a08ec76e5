"""systemd's folder for the data of services with their own user (DynamicUser=), which only root may enter.

Such a service reaches its data there through its own mounts; /var/lib/NAME is a link to the data. A command that
becomes the owner of the data needs the same mounts.
"""

import ctypes
import os
from pathlib import Path

PRIVATE = Path("/var/lib/private")
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_SLAVE = 2, 4, 4096, 16384, 1 << 19  # linux/mount.h


def is_private(data: Path) -> bool:
    """Return whether the data are in that folder, which their owner cannot enter without root."""
    return data.resolve().parent == PRIVATE


def show_to_owner(data: Path) -> None:
    """Let this process, and all that it starts, reach `data` when it is no longer root. Raise OSError on failure."""
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
    """Call mount(2). Raise OSError on failure."""
    libc = ctypes.CDLL(None, use_errno=True)
    words = source.encode(), os.fsencode(target), kind.encode()
    if libc.mount(*words, ctypes.c_ulong(flags), options.encode()):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), str(target))
