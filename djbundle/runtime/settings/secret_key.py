"""The SECRET_KEY of a site whose settings have none: created once and stored in the data directory."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from djbundle.errors import DataDirectoryError
from djbundle.runtime.core.data_directory import create_data_directory
from djbundle.runtime.core.own_files import open_own, read_own

FILE_NAME = "secret_key"


def read_or_create(data: Path) -> str:
    """Return the key of this data directory, the same for two first starts at once. Raises DataDirectoryError."""
    path = data / FILE_NAME
    try:
        if not os.path.lexists(path):
            _create(path)
        return read_own(path).strip()
    except OSError as error:
        raise DataDirectoryError(
            f"cannot read the secret key {path}: {error.strerror}", "see what lies there, and move it away"
        ) from error


def _create(path: Path) -> None:
    create_data_directory(path.parent)
    new = path.with_name(f".{FILE_NAME}.{os.getpid()}")
    with _locked(path.parent):
        if os.path.lexists(path):  # another start has created it
            return
        new.unlink(missing_ok=True)  # left by a start that was killed
        with open(open_own(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:  # noqa: PTH123 - of a descriptor
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock the folder, so that only one start at a time creates the key."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
