"""The SECRET_KEY of a site that brings none of its own: made once, kept in the data directory."""

import contextlib
import os
import secrets
from pathlib import Path

from djbundle.runtime.paths import create_data_directory

FILE_NAME = "secret_key"


def read_or_create(data: Path) -> str:
    """The key of this data directory. Two first starts at once agree on one."""
    path = data / FILE_NAME
    if not path.exists():
        _create(path)
    return path.read_text().strip()


def _create(path: Path) -> None:
    create_data_directory(path.parent)
    new = path.with_name(f".{FILE_NAME}.{os.getpid()}")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - for the mode
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(new)  # unlike a rename, this leaves a key that another start has made
    finally:
        new.unlink(missing_ok=True)
