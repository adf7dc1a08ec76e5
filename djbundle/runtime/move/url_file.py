"""The file in the data directory that names the database server to which the site has moved.

It holds what ``DATABASE_URL`` would say. A variable that is set goes first. To create or remove the file is the switch:
one rename, so a start finds the one database or the other.
"""

import contextlib
import os
from pathlib import Path

from djbundle.common import service_variables
from djbundle.errors import DataDirectoryError
from djbundle.runtime.core.own_files import open_own, sync_folder
from djbundle.runtime.core.verify_mode import is_verify_mode

FILE_NAME = "database_url"
_ignored_by: set[int] = set()  # process ids; a process that moves back starts without the file


def read(data: Path) -> str:
    """Return the URL, or "" if the site has not moved. Raises DataDirectoryError for a file of somebody else."""
    path = data / FILE_NAME
    try:
        with open(open_own(path, os.O_RDONLY)) as file:  # noqa: PTH123 - of a descriptor
            return file.read().strip()
    except (FileNotFoundError, NotADirectoryError):  # a data directory that cannot be is refused where it is made
        return ""
    except OSError as error:
        raise DataDirectoryError(
            f"cannot read the database's URL in {path}: {error.strerror}", "see what lies there, and move it away"
        ) from error


def write(path: Path, text: str) -> None:
    """Write a file that only this user can read, durably, and all of it or nothing."""
    new = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    with open(open_own(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:  # noqa: PTH123 - of a descriptor
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file, durably."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def export(data: Path) -> None:
    """Set ``DATABASE_URL`` from the file, so that it applies also where the settings read the variable themselves."""
    if service_variables.DATABASE in os.environ or is_verify_mode() or os.getpid() in _ignored_by:
        return
    if url := read(data):
        os.environ[service_variables.DATABASE] = url


def ignore() -> None:
    """Let this process start as if there were no file."""
    _ignored_by.add(os.getpid())
