"""The files that a start of the bundle reads, in the order of reading: they come first, and are unpacked ahead."""

import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from djbundle.builder.core.target import Target
from djbundle.builder.core.tree import Tree
from djbundle.builder.project.installed import package_folders
from djbundle.builder.project.project import Project
from djbundle.manifest import FILE_NAME

RUNTIME = "djbundle/runtime/"
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
    """Yield the name that each path would have in the tree. A source has the name of its bytecode.

    The paths are those of this machine. Extension modules of the target have the name of its machine.
    """
    own = sysconfig.get_config_var("SOABI")
    roots = [project.root, *package_folders(), Path(sysconfig.get_path("stdlib"))]
    roots.append(Path(sysconfig.get_config_var("DESTSHARED")))
    roots.sort(key=lambda root: -len(root.parts))  # deepest first: the environment may lie in the project's folder
    for text in opened:
        path = PurePath(text)
        root = next((root for root in roots if path.is_relative_to(root)), None)
        if root is None:
            continue
        name = path.relative_to(root)
        if name.parent.name == "__pycache__":
            name = name.parent.parent / f"{name.name.split('.')[0]}.pyc"
        name = name.with_suffix(".pyc") if name.suffix == ".py" else name
        yield str(name).replace(own, target.variable("SOABI"))
