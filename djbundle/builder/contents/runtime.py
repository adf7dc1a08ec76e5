"""Add djbundle's own part of the tree: the code that runs on the server."""

from importlib.resources import files
from pathlib import Path, PurePosixPath

from djbundle.builder.contents.bytecode import Source, add_bytecode
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import Tree
from djbundle.common import templates

MODULES = ("__init__.py", "manifest.py", "settings_module.py", "static_storage.py", "storages.py")
FOLDERS = ("common", "contract", "errors", "runtime", "stand_ins", "tasks")
TEMPLATES = ("site.service", "site.socket")  # for the command "install"
LEFT_OUT = "tasks/conformance"  # a program for developers
FACTS = "_project_facts"
START = "runtime/start"  # modules that are imported as _NAME, before packages can be
START_MODULES = ("bootstrap", "finders", "changes")

# Python leaves frames of such files out of warnings and import errors, which name the importing code instead.
IMPORT_SYSTEM = "<djbundle importlib._bootstrap>"


def add_runtime(tree: Tree, project_facts: str, cache: Cache, work: Path, *, keeps_docstrings: bool) -> None:
    """Add ``djbundle.runtime``, ``djbundle.tasks`` and the modules that they share with the builder.

    `project_facts` is the text of a module that the start reads. Docstrings are for developers, as those of Django.
    """
    package = Path(str(files("djbundle")))
    sources = [Source(package / START / f"{name}.py", f"_{name}.py", shown_as=IMPORT_SYSTEM) for name in START_MODULES]
    for path in (*map(package.joinpath, MODULES), *(path for name in FOLDERS for path in _files(package / name))):
        name = PurePosixPath("djbundle", *path.relative_to(package).parts)
        if any(path.is_relative_to(package / folder) for folder in (START, LEFT_OUT)):
            continue
        if path.suffix == ".py":
            sources.append(Source(path, str(name), keeps_docstrings=keeps_docstrings))
        elif path.suffix != ".po":
            tree.add(name, path, "python")
    for each in TEMPLATES:
        tree.add(PurePosixPath("djbundle", "templates", each), templates.folder() / each, "python")
    add_bytecode(tree, sources, cache, "python")
    add_facts(tree, project_facts, cache, work)


def add_facts(tree: Tree, text: str, cache: Cache, work: Path) -> None:
    """Add the module with the facts of the project, or replace it."""
    facts = work / f"{FACTS}.py"
    facts.write_text(text)
    if f"{FACTS}.pyc" in tree:
        tree.remove(f"{FACTS}.pyc")
    add_bytecode(tree, [Source(facts, facts.name)], cache, "python")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
