"""Which modules are compiled to C: the project's own, and those of the packages that it names for it."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path, PurePath, PurePosixPath

from djbundle.builder.project import installed
from djbundle.builder.project.project import Project
from djbundle.errors import ConfigurationError

# Requests and tasks do not run in these: compiling them to C would take long and gain nothing.
NOT_WORTH_COMPILING = ("migrations", "management")
NOT_PACKAGES = ("manage.py", "setup.py", "conftest.py")
LEFT_OUT = (*NOT_WORTH_COMPILING, "tests", "conftest")  # by Nuitka, wherever a module or package has such a name

Modules = dict[PurePosixPath, Path]  # by the name that a source would have in the tree


def compiled_modules(project: Project) -> Modules:
    """All that Nuitka compiles."""
    modules = {PurePosixPath(path): project.root / path for path in _sources_of_project(project)}
    for name in project.configuration.compile:
        modules |= _modules_of_package(name)
    return modules


def top_level_names(modules: Modules) -> set[str]:
    """The packages and modules that are imported from the extension module."""
    return {name.parts[0].removesuffix(".py") for name in modules}


def is_test(path: PurePath) -> bool:
    """Whether a source of the project is only for testing."""
    return "tests" in path.parts or path.name in ("conftest.py", "tests.py") or path.name.startswith("test_")


def _sources_of_project(project: Project) -> Iterator[Path]:
    """Those below the project's top-level packages, and modules beside them."""
    packages = {path.parts[0] for path in project.sources() if len(path.parts) == 2 and path.name == "__init__.py"}
    for path in project.sources():
        is_module = path.parts[0] in packages or (len(path.parts) == 1 and path.name not in NOT_PACKAGES)
        if is_module and not is_test(path) and _is_worth_compiling(path):
            yield path


def _is_worth_compiling(path: PurePath) -> bool:
    return all(part.isidentifier() and part not in LEFT_OUT for part in path.with_suffix("").parts)


def _modules_of_package(name: str) -> Modules:
    """Those of a distribution, or of a package or module, whatever of these has that name."""
    modules = {}
    for module in _imported_as(name):
        spec = find_spec(module)
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
    """The top-level modules of the distribution `name`; where there is none, it is a module."""
    try:
        files = installed.files_of(installed.distribution(name))
    except PackageNotFoundError:
        return [name] if name.isidentifier() else []
    tops = {file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py" and ".." not in file.parts}
    return sorted(top for top in tops if top.isidentifier()) or [name.replace("-", "_")]
