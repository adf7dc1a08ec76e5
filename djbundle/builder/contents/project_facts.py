"""Write the module `_project_facts`: bootstrap.py reads it before anything else can be imported."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from djbundle.builder.core.tree import Tree
from djbundle.builder.dependencies.modules import Modules
from djbundle.builder.dependencies.project_imports import dotted
from djbundle.builder.project.project import Project
from djbundle.contract.variables import DATA_DIRECTORY_OF


def project_facts(project: Project, tree: Tree, compiled: Modules) -> str:
    """Return the module's text. `tree` has the project's files already.

    `COMPILED` are the compiled modules by name, each with whether it is a package. Nuitka compiles other packages for
    what is in them, but these are loaded from bytecode themselves. `SOURCES` are the modules whose bytecode lies beside
    their source. `PROJECT` are the names at the top of the tree that belong to the project. `VARIABLES` name
    the settings. `DATA_VARIABLE` names the variable with the data directory of the parent process.
    """
    modules = {dotted(name): name.name == "__init__.py" for name in sorted(compiled)}
    return (
        f"COMPILED = {modules}\nSOURCES = frozenset({sorted(_with_sources(tree))})\n"
        f"PROJECT = {_top_names(tree, compiled)}\n"
        f"VARIABLES = {project.settings_variables()}\n"
        f"DATA_VARIABLE = {DATA_DIRECTORY_OF + project.name!r}\n"
    )


def _top_names(tree: Tree, compiled: Modules) -> list[str]:
    names = [*(file.name for file in tree if file.part == "project"), *tree.links, *tree.empty, *map(str, compiled)]
    return sorted({PurePosixPath(name).parts[0] for name in names if PurePosixPath(name).parts})  # "." has none


def _with_sources(tree: Tree) -> Iterator[str]:
    return (dotted(PurePosixPath(file.name)) for file in tree if file.name.endswith(".py") and f"{file.name}c" in tree)
