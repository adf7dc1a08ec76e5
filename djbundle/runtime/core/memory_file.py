"""Memory that processes share by a descriptor: a file without a path (memfd_create(2))."""

import os
import stat
from pathlib import Path

MFD_NOEXEC_SEAL = 8  # linux/memfd.h, since Linux 6.3; vm.memfd_noexec=2 asks for it, and older kernels refuse it


def create(name: str, size: int) -> int:
    """Return the descriptor of `size` zeros, not executable if the kernel can do that. `name` shows only in /proc."""
    try:
        file = os.memfd_create(name, os.MFD_CLOEXEC | MFD_NOEXEC_SEAL)
    except OSError:
        file = os.memfd_create(name, os.MFD_CLOEXEC)
    os.truncate(file, size)
    return file


def read(file: Path, longest: int) -> bytes:
    """Return up to `longest` bytes of a memory file that another process keeps open. Raises OSError."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, longest, 0) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    finally:
        os.close(descriptor)
