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

from djbundle.runtime.bundle import Bundle
from djbundle.runtime.paths import create_data_directory

LOOKING = ((os, "stat"), (os, "lstat"), (os, "chmod"), (os, "chown"))
OPENING = ((os, "open"), (io, "open"), (builtins, "open"))
Function = Callable[..., Any]


@contextlib.contextmanager
def redirected(bundle: Bundle, *, is_dry: bool) -> Iterator[None]:
    """These functions, on which those of ``pathlib`` and ``shutil`` stand, take a path of the tree where nothing is for
    the same one of the data directory. With `is_dry`, no folder is made, as long as no file is written to it.
    """
    files = _SettingsFiles(bundle, os.lstat)
    with contextlib.ExitStack() as stack:
        for module, name in LOOKING:
            stack.enter_context(_replaced(module, name, files.looking(getattr(module, name))))
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

    def place(self, path: Any) -> Path | None:
        """Where in the data directory; None for what is in the tree, or elsewhere."""
        if not isinstance(path, str | Path) or not self.bundle.is_inside(Path(path)):
            return None
        with contextlib.suppress(OSError):
            self.look(path)
            return None
        return self.bundle.data / Path(path).relative_to(self.bundle.root)

    def looking(self, really: Function) -> Function:
        def look(path: Any, *arguments: Any, **options: Any) -> Any:
            return really(self.place(path) or path, *arguments, **options)

        return look

    def opening(self, really: Function) -> Function:
        def open_file(path: Any, mode: str | int = "r", *arguments: Any, **options: Any) -> Any:
            place = self.place(path)
            if place and (mode & os.O_CREAT if isinstance(mode, int) else set(mode) & set("wax")):
                self.make_folder(place.parent)
            return really(place or path, mode, *arguments, **options)

        return open_file

    def making(self, really: Function, *, is_dry: bool) -> Function:
        def mkdir(path: Any, *arguments: Any, **options: Any) -> None:
            if place := self.place(path):
                if not is_dry:
                    self.make_folder(place)
            else:
                really(path, *arguments, **options)

        return mkdir

    def make_folder(self, folder: Path) -> None:
        """With those above it, and none that is in the way: it may be there from an earlier start."""
        create_data_directory(self.bundle.data)
        folder.mkdir(parents=True, exist_ok=True)
