"""What settings make beside themselves while they are imported: a folder for logs, a file with a secret key.

Nothing can be made in a bundle, and what a setting names there is moved to the data directory afterwards. So it is made
there, and found there by the next start.
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

OF_ONE_PATH = ("stat", "lstat", "access", "chmod", "chown", "utime", "unlink", "remove", "rmdir", "listdir", "scandir")
OF_TWO_PATHS = ("rename", "replace", "link")
OPENING = ((os, "open"), (io, "open"), (builtins, "open"))
Function = Callable[..., Any]


@contextlib.contextmanager
def redirected(bundle: Bundle, *, is_dry: bool) -> Iterator[None]:
    """These functions, on which those of ``pathlib`` and ``shutil`` stand, take a path of the tree where nothing is for
    the same one of the data directory. With `is_dry`, no folder is made, as long as no file is written to it.
    """
    files = _SettingsFiles(bundle, os.lstat)
    with contextlib.ExitStack() as stack:
        for name in OF_ONE_PATH:
            stack.enter_context(_replaced(os, name, files.of_one_path(getattr(os, name))))
        for name in OF_TWO_PATHS:
            stack.enter_context(_replaced(os, name, files.of_two_paths(getattr(os, name))))
        for module, name in OPENING:
            stack.enter_context(_replaced(module, name, files.opening(getattr(module, name))))
        stack.enter_context(_replaced(os, "mkdir", files.making(os.mkdir, is_dry=is_dry)))
        yield


@contextlib.contextmanager
def _replaced(module: Any, name: str, function: Function) -> Iterator[None]:
    really = getattr(module, name)
    setattr(module, name, function)
    try:
        yield
    finally:
        setattr(module, name, really)


class _SettingsFiles:
    """`look` is the ``os.lstat`` that is not redirected."""

    def __init__(self, bundle: Bundle, look: Function) -> None:
        self.bundle, self.look = bundle, look

    def place(self, path: Any, *, dir_fd: int | None = None, **_: Any) -> Path | None:
        """Where it is instead; None for what is as it is named, in a folder that is open already for one.

        A relative path that leads to something here is meant so.
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
            self.look(path)
        except OSError:
            return False
        return True

    def of_one_path(self, really: Function) -> Function:
        def function(path: Any = ".", *arguments: Any, **options: Any) -> Any:
            return really(self.place(path, **options) or path, *arguments, **options)

        return function

    def of_two_paths(self, really: Function) -> Function:
        def function(source: Any, target: Any, **options: Any) -> Any:
            return really(self.place(source) or source, self.place(target) or target, **options)

        return function

    def opening(self, really: Function) -> Function:
        def open_file(path: Any, mode: str | int = "r", *arguments: Any, **options: Any) -> Any:
            place = self.place(path, **options)
            if place and (mode & os.O_CREAT if isinstance(mode, int) else set(mode) & set("wax")):
                self.make_folder(place.parent)
            return really(place or path, mode, *arguments, **options)

        return open_file

    def making(self, really: Function, *, is_dry: bool) -> Function:
        def mkdir(path: Any, *arguments: Any, **options: Any) -> None:
            place = self.place(path, **options)
            if place is None or self.bundle.is_inside(place):
                really(place or path, *arguments, **options)
            elif not is_dry:
                self.make_folder(place)

        return mkdir

    def make_folder(self, folder: Path) -> None:
        """With those above it, and none that is in the way: it may be there from an earlier start."""
        create_data_directory(self.bundle.data)
        folder.mkdir(parents=True, exist_ok=True)
