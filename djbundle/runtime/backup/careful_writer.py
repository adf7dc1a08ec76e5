"""A file for a library that does not report each error of writing: pyrage ignores those of `flush`."""

import hashlib
import os
from typing import BinaryIO


class CarefulWriter:
    """Writes to `file`, and hashes what it writes. It offers only what such a library calls."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = 0
        self._error: OSError | None = None
        self.hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self._size += len(data)
        try:
            return self._file.write(data)
        except OSError as error:
            self._error = error
            raise

    def flush(self) -> None:
        """Do nothing: `finish` does it, and its caller learns of errors."""

    def finish(self) -> None:
        """Write all of it to the disk. Raise OSError if any part could not be written."""
        if self._error:
            raise self._error
        self._file.flush()
        os.fsync(self._file.fileno())
        if (size := os.fstat(self._file.fileno()).st_size) != self._size:
            raise OSError(f"{size} of {self._size} bytes are on the disk")
