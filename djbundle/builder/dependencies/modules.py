"""Decide which modules are compiled to C: the project's own, and those of packages that `compile` names.

Those in which compiled code would not do the same as Python stay bytecode, see bytecode_rules.py.
"""

from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple

from djbundle.builder.dependencies.bytecode_rules import Reason
from djbundle.builder.dependencies.bytecode_search import modules_named, named, reasons_of_modules
from djbundle.builder.project import installed
from djbundle.builder.project.project import Project
from djbundle.errors import ConfigurationError

# Requests and tasks do not run this code, so compiling it to C would take long and gain nothing.
NOT_WORTH_COMPILING = ("migrations", "management")
NOT_PACKAGES = ("manage.py", "setup.py", "conftest.py")
LEFT_OUT = (*NOT_WORTH_COMPILING, "tests", "conftest")  # names that Nuitka does not compile, in any package

Modules = dict[PurePosixPath, Path]  # by the name that the source would have in the tree


class Choice(NamedTuple):
    """The modules that are worth compiling."""

    compiled: Modules
    bytecode: dict[PurePosixPath, list[Reason]]  # those that are not compiled all the same


def choose_modules(project: Project) -> Choice:
    """Return the modules that Nuitka compiles, and those that stay bytecode because of a rule or of `bytecode`.

    No rule keeps a module of the project from being compiled that `compile` names.
    """
    modules = {PurePosixPath(path): project.root / path for path in _sources_of_project(project)}
    forced: set[PurePosixPath] = set()
    for name in project.configuration.compile:
        own = modules_named(name, modules)
        forced |= own
        modules |= {} if own else _modules_of_package(name)
    by_rules = {name: found for name, found in reasons_of_modules(modules).items() if name not in forced}
    reasons = by_rules | named(project.configuration.bytecode, modules)
    return Choice({name: path for name, path in modules.items() if name not in reasons}, reasons)


def top_level_names(modules: Modules) -> set[str]:
    """Return the packages and modules that can be imported from the extension module."""
    return {name.parts[0].removesuffix(".py") for name in modules}


def summary(compiled: Modules, bytecode: Mapping[PurePosixPath, list[Reason]]) -> str:
    """Return how many modules are compiled, how many are not, and where the reasons are."""
    kept = f"; {len(bytecode)} stay bytecode, see  djbundle check" if bytecode else ""
    return f"{len(compiled)} modules{kept}"


def is_test(path: PurePath) -> bool:
    """Return whether a source of the project is only for testing."""
    return "tests" in path.parts or path.name in ("conftest.py", "tests.py") or path.name.startswith("test_")


def _sources_of_project(project: Project) -> Iterator[Path]:
    """Yield the sources in the project's top-level packages, and the modules beside those."""
    packages = {path.parts[0] for path in project.sources() if len(path.parts) == 2 and path.name == "__init__.py"}
    for path in project.sources():
        is_module = path.parts[0] in packages or (len(path.parts) == 1 and path.name not in NOT_PACKAGES)
        if is_module and not is_test(path) and _is_worth_compiling(path):
            yield path


def _is_worth_compiling(path: PurePath) -> bool:
    return all(part.isidentifier() and part not in LEFT_OUT for part in path.with_suffix("").parts)


def _modules_of_package(name: str) -> Modules:
    """Return the modules of a distribution, a package or a module with this name."""
    modules = {}
    for module in _imported_as(name):
        spec = PathFinder.find_spec(module, installed.search_path())
        if spec is None or not spec.origin or not spec.origin.endswith(".py"):
            continue
        origin = Path(spec.origin)
        for path in origin.parent.rglob("*.py") if spec.submodule_search_locations else (origin,):
            below = path.relative_to(origin.parent)
            full = PurePosixPath(module, below) if spec.submodule_search_locations else PurePosixPath(path.name)
            if path.name != "__main__.py" and _is_worth_compiling(full):
                modules[full] = path
    if not modules:
        raise ConfigurationError(
            f'"{name}" is to be compiled, but there is no installed package of that name with sources in Python',
            f"pip install {name}, or take it out of compile",
        )
    return modules


def _imported_as(name: str) -> list[str]:
    """Return the top-level modules of the distribution `name`.

    If there is no such distribution, `name` itself is a module.
    """
    try:
        files = installed.files_of(installed.distribution(name))
    except PackageNotFoundError:
        return [name] if name.isidentifier() else []
    sources = (file.name for file in files if file.name.endswith(".py") and not file.is_outside)
    names = {name.partition("/")[0].removesuffix(".py") for name in sources}
    return sorted(name for name in names if name.isidentifier()) or [name.replace("-", "_")]
