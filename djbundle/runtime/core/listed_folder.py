"""Decides whether a list of the working folder shows the project's files, as it does where ``manage.py`` lies.

It does if a bundle is started in a folder that holds nothing else. A child process of a bundle may work in a folder of
its own, such as an empty temporary one, so it goes by what its parent decided. The preloaded library (djbundle/vfs)
makes the list.
"""

import os
from collections.abc import Collection

from djbundle.contract.variables import LISTED_FOLDER


def is_listed(names: Collection[str], data: str) -> bool:
    """Return whether a list of the working folder shows the project.

    The first process of a bundle decides, and tells its child processes by a variable; it is "" for no folder.
    `names` are those at the top of the project, and `data` is the data directory, or "".
    """
    try:
        folder = os.getcwd()  # noqa: PTH109 - pathlib may not be imported yet
        if LISTED_FOLDER not in os.environ:
            os.environ[LISTED_FOLDER] = ""  # also if the folder cannot be read
            os.environ[LISTED_FOLDER] = folder if holds_only(folder, names, data) else ""
    except OSError:
        return False
    return os.environ[LISTED_FOLDER] == folder


def holds_only(folder: str, names: Collection[str], data: str) -> bool:
    """Return whether a folder has no names but these, and perhaps the data directory."""
    with os.scandir(folder) as entries:
        return all(each.name in names or _is_above(each.path, data) for each in entries)


def _is_above(folder: str, path: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
