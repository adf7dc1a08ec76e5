"""Memory that processes share by a descriptor: a file without a name (memfd_create(2))."""

import os

MFD_NOEXEC_SEAL = 8  # linux/memfd.h, since Linux 6.3; vm.memfd_noexec=2 asks for it, and older kernels refuse it


def create(name: str, size: int) -> int:
    """Return the descriptor of `size` zeros, which are never a program; `name` is seen in /proc alone."""
    try:
        file = os.memfd_create(name, os.MFD_CLOEXEC | MFD_NOEXEC_SEAL)
    except OSError:
        file = os.memfd_create(name, os.MFD_CLOEXEC)
    os.truncate(file, size)
    return file
