"""The SECRET_KEY of a site whose settings have none: created once and stored in the data directory."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from djbundle.errors import DataDirectoryError
from djbundle.runtime.core.data_directory import create_data_directory
from djbundle.runtime.core.own_files import read_own, write_own

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
    with _locked(path.parent):
        if not os.path.lexists(path):  # else another start has created it
            write_own(path, secrets.token_urlsafe(48))


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock the folder, so that only one start at a time creates the key."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
