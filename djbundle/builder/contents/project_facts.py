"""Write the module `_project_facts`: it tells bootstrap.py of the project before anything can be imported."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from djbundle.builder.core.tree import Tree
from djbundle.builder.dependencies.bytecode_search import Reasons
from djbundle.builder.dependencies.modules import Modules, top_level_names
from djbundle.builder.dependencies.project_imports import dotted
from djbundle.builder.project.project import Project


def project_facts(project: Project, tree: Tree, compiled: Modules, kept: Reasons) -> str:
    """Return the module's text. `tree` has the project's files already.

    `NAMES` are the top-level packages and modules with compiled code. `BYTECODE` are packages that Nuitka compiles
    because of what is in them, but that are to be loaded from bytecode themselves. `SOURCES` are the modules whose
    bytecode lies beside their source. `VARIABLES` name the settings.
    """
    names = top_level_names(compiled)
    packages = {dotted(name) for name in kept if name.name == "__init__.py" and _has_compiled(name, compiled)}
    return (
        f"NAMES = frozenset({sorted(names)})\nBYTECODE = frozenset({sorted(packages)})\n"
        f"SOURCES = frozenset({sorted(_with_sources(tree))})\nVARIABLES = {project.settings_variables()}\n"
    )


def _with_sources(tree: Tree) -> Iterator[str]:
    return (dotted(PurePosixPath(file.name)) for file in tree if file.name.endswith(".py") and f"{file.name}c" in tree)


def _has_compiled(package: PurePosixPath, compiled: Modules) -> bool:
    return any(package.parent in each.parents for each in compiled)
