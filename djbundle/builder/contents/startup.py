"""The files that a start of the bundle reads, in the order of reading: they come first, and are unpacked ahead."""

import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from djbundle.builder.core.target import Target
from djbundle.builder.core.tree import Tree
from djbundle.builder.project import bytecode_cache
from djbundle.builder.project.installed import package_folders
from djbundle.builder.project.project import Project
from djbundle.manifest import FILE_NAME

RUNTIME = "djbundle/runtime/"
# Bytecode of an environment: its folder, and the name of its module.
CACHED = re.compile(rf"^(|.*?/)(?:__pycache__/)?([^/.]+)\.{sys.implementation.cache_tag}(?:\.[^/.]+)?\.pyc$")
# Files that Python reads before it can import from the archive.
PYTHON_START = tuple(
    f"{name}.pyc"
    for name in (
        "encodings/__init__",
        "encodings/aliases",
        "encodings/utf_8",
        "_bootstrap",
        "_changes",
        "_finders",
        "_project_facts",
        "importlib/__init__",
    )
)
BEFORE_IMPORTS = (*PYTHON_START, FILE_NAME)


def files_of_start(tree: Tree, project: Project, target: Target, opened: Iterable[str]) -> Iterator[str]:
    """Yield names in the tree, each after the libraries that it needs.

    `opened` are the files that the project opened, in order.
    """
    runtime = sorted(file.name for file in tree if file.name.startswith(RUNTIME) and file.name.endswith(".pyc"))
    for name in (*BEFORE_IMPORTS, *runtime, *_names_of(project, target, opened)):
        yield from (needed for needed in tree.needs.get(name, ()) if needed in tree)
        if name in tree:
            yield name


def _names_of(project: Project, target: Target, opened: Iterable[str]) -> Iterator[str]:
    """Yield the name that each path would have in the tree. A source gets the name of its bytecode.

    The paths are those of this machine. Extension modules of the target have the name of its machine.
    """
    own = sysconfig.get_config_var("SOABI")
    roots = [project.root, *package_folders(), Path(sysconfig.get_path("stdlib"))]
    roots.append(Path(sysconfig.get_config_var("DESTSHARED")))
    starts = sorted((f"{root}/" for root in roots), key=len, reverse=True)  # an environment may lie in the project
    for text in opened:
        path = bytecode_cache.without_prefix(os.path.normpath(text))
        start = next((start for start in starts if path.startswith(start)), None)
        if start is not None:
            name = CACHED.sub(r"\1\2.pyc", path.removeprefix(start))
            name = f"{name}c" if name.endswith(".py") else name
            yield name.replace(own, target.variable("SOABI"))
