"""Bytecode for environments that have none, such as those of uv. Python keeps it in the build's cache.

A build imports the project without a trace in its folder and its environment. Without bytecode, each build would
compile each module that the project imports.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import cache_from_source
from pathlib import Path

from djbundle.builder.core.cache import BYTECODE, default_folder
from djbundle.builder.project import installed

PREFIX, DO_NOT_WRITE = "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"
EXAMPLE = ("contrib", "admin", "options.py")  # a module of Django that no build imports itself


def folder() -> Path:
    return default_folder().absolute() / BYTECODE


def variables() -> dict[str, str]:
    """Return the variables for a process that imports the project and leaves no bytecode beside it."""
    if sys.pycache_prefix or _environment_has_bytecode():
        return {DO_NOT_WRITE: "1"}
    return {PREFIX: str(folder()), DO_NOT_WRITE: ""}


def _environment_has_bytecode() -> bool:
    spec = PathFinder.find_spec("django", list(installed.search_path()))
    origin = spec.origin if spec else None
    return bool(origin) and os.path.exists(cache_from_source(str(Path(str(origin)).parent.joinpath(*EXAMPLE))))  # noqa: PTH110


def bytecode_files(source: str) -> list[str]:
    """Return the paths at which the bytecode of a source may be."""
    beside = cache_from_source(source, optimization="")
    return [beside, f"{folder()}{beside.replace('/__pycache__/', '/')}"]


def without_prefix(path: str) -> str:
    """Return the path of bytecode as if it lay beside its source, though not in a folder of its own."""
    for prefix in filter(None, (str(folder()), sys.pycache_prefix)):
        if path.startswith(f"{prefix}/"):
            return path.removeprefix(prefix)
    return path
