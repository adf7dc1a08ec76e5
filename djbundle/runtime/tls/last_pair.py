"""The last usable certificate, kept in memory for the case that its files are damaged when a web process starts.

The processes of a site are forked from one that has created the memory, so they all share it. No file on a disk has it.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class LastPair:
    """Keeps a certificate with its key. One process may store another one while others read."""

    def __init__(self) -> None:
        self._memory = os.memfd_create("certificate")

    def store(self, certificate: Path, key: Path) -> None:
        """Keep the content of these files, which were checked."""
        content = key.read_bytes() + b"\n" + (certificate.read_bytes() if certificate != key else b"")
        with self._locked():
            os.ftruncate(self._memory, 0)
            os.pwrite(self._memory, content, 0)

    def copy(self) -> int | None:
        """Return a descriptor of a copy, as one PEM file that does not change; None if nothing was kept."""
        with self._locked():
            content = os.pread(self._memory, os.fstat(self._memory).st_size, 0)
        if not content:
            return None
        copy = os.memfd_create("certificate")
        os.write(copy, content)
        return copy

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock by a description of the file that only this process has: those that are inherited share one lock."""
        own = os.open(f"/proc/self/fd/{self._memory}", os.O_RDWR)
        try:
            fcntl.flock(own, fcntl.LOCK_EX)
            yield
        finally:
            os.close(own)
