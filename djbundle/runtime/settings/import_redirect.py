"""Files and folders that settings create while they are imported: a folder for logs, a file with a secret key.

The tree of a bundle is read-only, and after the import the overlay moves such settings to the data directory. So the
files are created in the data directory at once, and the next start finds them there.
"""

import builtins
import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.data_directory import create_data_directory

ONE_PATH_FUNCTIONS = (
    "stat",
    "lstat",
    "access",
    "chmod",
    "chown",
    "utime",
    "unlink",
    "remove",
    "rmdir",
    "listdir",
    "scandir",
)
TWO_PATH_FUNCTIONS = ("rename", "replace", "link")
OPEN_FUNCTIONS = ((os, "open"), (io, "open"), (builtins, "open"))
Function = Callable[..., Any]


@contextlib.contextmanager
def redirected(bundle: Bundle, *, is_dry: bool) -> Iterator[None]:
    """Redirect these functions, on which ``pathlib`` and ``shutil`` are built, while the block runs.

    A path in the tree where nothing exists becomes the same path in the data directory. With `is_dry`, a folder is
    created only when a file is written to it.
    """
    files = _SettingsFiles(bundle, os.lstat)
    with contextlib.ExitStack() as stack:
        for name in ONE_PATH_FUNCTIONS:
            stack.enter_context(_replaced(os, name, files.redirect_path(getattr(os, name))))
        for name in TWO_PATH_FUNCTIONS:
            stack.enter_context(_replaced(os, name, files.redirect_paths(getattr(os, name))))
        for module, name in OPEN_FUNCTIONS:
            stack.enter_context(_replaced(module, name, files.redirect_open(getattr(module, name))))
        stack.enter_context(_replaced(os, "mkdir", files.redirect_mkdir(os.mkdir, is_dry=is_dry)))
        yield


@contextlib.contextmanager
def _replaced(module: Any, name: str, function: Function) -> Iterator[None]:
    original = getattr(module, name)
    setattr(module, name, function)
    try:
        yield
    finally:
        setattr(module, name, original)


class _SettingsFiles:
    """The redirected functions. `lstat` is the ``os.lstat`` that is not redirected."""

    def __init__(self, bundle: Bundle, lstat: Function) -> None:
        self.bundle, self.lstat = bundle, lstat

    def place(self, path: Any, *, dir_fd: int | None = None, **_: Any) -> Path | None:
        """Return the path to use instead of `path`; None where `path` stays, as one relative to an open folder does.

        A relative path stays too if it leads to an existing file or folder.
        """
        if dir_fd is not None or not isinstance(path, str | Path) or not path:
            return None
        place = self.bundle.in_data(Path(path))
        if place is None or (not Path(path).is_absolute() and self.is_there(path)):
            return None
        whole = self.bundle.in_tree(Path(path))
        return whole if self.bundle.is_inside(whole) and self.is_there(whole) else place

    def is_there(self, path: str | Path) -> bool:
        try:
            self.lstat(path)
        except OSError:
            return False
        return True

    def redirect_path(self, original: Function) -> Function:
        def function(path: Any = ".", *arguments: Any, **options: Any) -> Any:
            return original(self.place(path, **options) or path, *arguments, **options)

        return function

    def redirect_paths(self, original: Function) -> Function:
        def function(source: Any, target: Any, **options: Any) -> Any:
            return original(self.place(source) or source, self.place(target) or target, **options)

        return function

    def redirect_open(self, original: Function) -> Function:
        def open_file(path: Any, mode: str | int = "r", *arguments: Any, **options: Any) -> Any:
            place = self.place(path, **options)
            if place and (mode & os.O_CREAT if isinstance(mode, int) else set(mode) & set("wax")):
                self.make_folder(place.parent)
            return original(place or path, mode, *arguments, **options)

        return open_file

    def redirect_mkdir(self, original: Function, *, is_dry: bool) -> Function:
        def mkdir(path: Any, *arguments: Any, **options: Any) -> None:
            place = self.place(path, **options)
            if place is None or self.bundle.is_inside(place):
                original(place or path, *arguments, **options)
            elif not is_dry:
                self.make_folder(place)

        return mkdir

    def make_folder(self, folder: Path) -> None:
        """Create the folder and its parents. It may exist already, from an earlier start."""
        create_data_directory(self.bundle.data)
        folder.mkdir(parents=True, exist_ok=True)
