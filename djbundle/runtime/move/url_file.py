"""The file in the data directory that names the database server to which the site has moved.

It holds what ``DATABASE_URL`` would say. A variable that is set takes precedence. Creating or removing the file is the
switch. That is one rename, so a start finds the one database or the other.
"""

import os
from pathlib import Path

from djbundle.common import service_variables
from djbundle.errors import DataDirectoryError
from djbundle.runtime.core.copy_mode import is_confined
from djbundle.runtime.core.own_files import read_own

FILE_NAME = "database_url"
_ignored_by: set[int] = set()  # process ids; a process that moves back starts without the file


def read(data: Path) -> str:
    """Return the URL, or "" if the site has not moved. Raises DataDirectoryError for a file of another user."""
    path = data / FILE_NAME
    try:
        return read_own(path).strip()
    except (FileNotFoundError, NotADirectoryError):  # an impossible data directory is refused when it is created
        return ""
    except OSError as error:
        raise DataDirectoryError(
            f"cannot read the database's URL in {path}: {error.strerror}", "see what lies there, and move it away"
        ) from error


def export(data: Path) -> None:
    """Set ``DATABASE_URL`` from the file, so that it applies also where the settings read the variable themselves."""
    if service_variables.DATABASE in os.environ or is_confined() or os.getpid() in _ignored_by:
        return
    if url := read(data):
        os.environ[service_variables.DATABASE] = url


def ignore() -> None:
    """Let this process start as if there were no file."""
    _ignored_by.add(os.getpid())
