"""Shows the files of the tree: to relative paths, to other programs, and to the search for programs.

The preloaded library (djbundle/vfs) does all of this. Here it is told what only the runtime knows.
"""

import os
import sys
import time
from pathlib import Path

from djbundle.contract.layout import COPIES, PROGRAMS
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.listed_folder import is_listed

DAY = 24 * 60 * 60  # seconds


def show_files(bundle: Bundle) -> None:
    """Let the project read its files by relative paths, and let other programs get copies of files of the tree."""
    if "_files" in sys.builtin_module_names:  # only a bundle's program has it
        import _files  # type: ignore[import-not-found]  # noqa: PLC0415
        from _project_facts import PROJECT  # type: ignore[import-not-found]  # noqa: PLC0415 - the builder writes it

        _files.show_project(os.fsencode(bundle.root), b"".join(os.fsencode(name) + b"\0" for name in PROJECT))
        data = os.path.realpath(bundle.data)
        if is_listed(PROJECT, data):
            _files.list_project()
        _files.make_copies_in(os.fsencode(data))
    show_programs(bundle.root / PROGRAMS)


def show_programs(folder: Path) -> None:
    """Put the programs that packages bring on the search path, as an activated virtual environment does."""
    path = os.environ.get("PATH", os.defpath)
    if folder.is_dir() and str(folder) not in path.split(os.pathsep):
        os.environ["PATH"] = f"{folder}{os.pathsep}{path}"


def remove_old_copies(data: Path) -> None:
    """Remove copies that other programs got a day ago or earlier. Those that are needed are made again."""
    folder = data / COPIES
    if folder.is_symlink():  # no copies are made there
        return
    try:
        old = [each for each in os.scandir(folder) if each.stat(follow_symlinks=False).st_mtime < time.time() - DAY]
    except OSError:  # there are none
        return
    if old:
        import shutil  # noqa: PLC0415 - the supervisor stays small

        for each in old:
            shutil.rmtree(each.path, ignore_errors=True)
