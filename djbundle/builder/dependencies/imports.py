"""Find packages that a source imports anywhere: a view may import a package when it is first called.

Loading the project shows only some imports (package_selection.py); reading its sources finds the others.
"""

import ast
import contextlib
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from djbundle.builder.dependencies.modules import is_test
from djbundle.builder.dependencies.owners import DJBUNDLE, Owners
from djbundle.builder.project import installed
from djbundle.builder.project.project import Project

TESTS = frozenset({"test", "tests", "testing"})
# Packages import these tools only for their own development or a project's.
DEVELOPMENT_TOOLS = frozenset(
    (
        *("black", "bpython", "coverage", "cython", "django-stubs", "flake8", "hypothesis", "ipdb", "ipython", "isort"),
        *("mypy", "nose", "nuitka", "pdbpp", "pip", "playwright", "ptpython", "pylint", "pytest", "ruff", "selenium"),
        *("setuptools", "sphinx", "tox", "twine", "watchfiles", "wheel"),
    )
)
STATEMENT = re.compile(rb"^[ \t]*(?:from|import)[ \t](.+)", re.MULTILINE)
NAME = re.compile(rb"[A-Za-z_]\w*")
IMPORT_FUNCTIONS = (b"import_module", b"__import__", b"import_string")
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # fields of AST nodes that hold statements


class LateImports:
    """Find imports inside functions, and plug-ins. Distributions in `not_searched` are not searched."""

    def __init__(self, owners: Owners, not_searched: Iterable[str]) -> None:
        self._owners = owners
        self._read = {*not_searched}

    def of_project(self, project: Project, known: Collection[str]) -> dict[str, str]:
        """Return distributions that are not in `known`, each with the first place that imports it."""
        sources = ((path, project.root / path) for path in project.sources() if not is_test(path))
        return self._search(sources, known, without=())

    def of_distributions(self, known: Collection[str]) -> dict[str, str]:
        """Return what the modules of all distributions in `known` import, as `of_project` does. Each is read once."""
        names = [name for name in known if name not in self._read]
        self._read.update(names)
        files = (file for name in names for file in self._files_of(name))
        return self._search(files, known, without=DEVELOPMENT_TOOLS | installed.only_for_sbom())

    def _files_of(self, name: str) -> Iterator[tuple[Path, Path]]:
        """Yield the modules of a distribution that are to be read.

        These are the modules that the project has loaded, because a package may have a hundred alternatives. If it has
        loaded none, these are all modules of the distribution.
        """
        modules = self._owners.loaded.get(name) or self._owners.modules.get(name, {})
        for module, path in modules.items():
            names = module.split(".")  # not the path: the environment may lie in a folder called tests
            if path.suffix == ".py" and TESTS.isdisjoint(names):
                yield Path(*names), path

    def _search(
        self, sources: Iterable[tuple[Path, Path]], known: Collection[str], without: Collection[str]
    ) -> dict[str, str]:
        owners = {
            module: name
            for name, modules in self._owners.modules.items()
            if name not in (*known, *without, DJBUNDLE)
            for module in modules
        }
        plugins = {
            group: rest
            for group, names in self._owners.plugins.items()
            if (rest := names - {*known, *without, DJBUNDLE})
        }
        imports, groups, new = ImportedModules(owners), NamedGroups(plugins), dict[str, str]()
        for source, path in sources:
            content, file = path.read_bytes(), source.with_suffix(".py")
            for module in imports.of(content):
                new.setdefault(owners[module], f"imported in {file}")
            for group in groups.of(content):
                for name in plugins[group]:
                    new.setdefault(name, f"has an entry point for {group}, which {file} names")
        return new


class ImportedModules:
    """Find imports of the modules in `names`, and ignore all others."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._tops = {name.partition(".")[0].encode() for name in self._names}

    def of(self, content: bytes) -> Iterator[str]:
        """Yield those modules that a source imports anywhere; none for a file that is not Python."""
        words = NAME.findall(b"\n".join(STATEMENT.findall(content)))
        has_texts = any(name in content for name in IMPORT_FUNCTIONS)
        if self._tops.isdisjoint(words) and not has_texts:
            return  # parsing would take a hundred times as long
        with contextlib.suppress(SyntaxError, ValueError):
            tree = ast.parse(content)
            yield from filter(None, map(self._longest, _imported(tree)))
            if has_texts:
                yield from filter(None, map(self._longest, _named_in_calls(tree)))

    def _longest(self, name: str) -> str:
        """Return `name`, or the nearest package above it, if it is one of the modules; else ""."""
        while name and name not in self._names:
            name = name.rpartition(".")[0]
        return name


class NamedGroups:
    """Find the entry point groups in `names` that a source names in a string.

    Such a source loads the entry points of the group.
    """

    def __init__(self, names: Iterable[str]) -> None:
        choices = "|".join(map(re.escape, sorted(names)))
        self._pattern = re.compile(rf"""["']({choices})["']""".encode()) if choices else None

    def of(self, content: bytes) -> set[str]:
        return {name.decode() for name in self._pattern.findall(content)} if self._pattern else set()


def _imported(tree: ast.AST) -> Iterator[str]:
    """Yield dotted names that statements import.

    For ``from a import b`` that is a.b, which may be a module.
    """
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module and not node.level:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            is_for_types = isinstance(node, ast.If) and _is_for_types(node.test)
            for field in ("orelse",) if is_for_types else BLOCKS:
                waiting.extend(getattr(node, field, ()))


def _named_in_calls(tree: ast.AST) -> Iterator[str]:
    """Yield names in calls such as ``import_module("a.b")``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (text := _text_of(node)):
            yield text


def _is_for_types(test: ast.expr) -> bool:
    """Return whether it is the test of ``if TYPE_CHECKING:``."""
    return "TYPE_CHECKING" in (getattr(test, "id", ""), getattr(test, "attr", ""))


def _text_of(call: ast.Call) -> str:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    first = call.args[0] if call.args else None
    if name.encode() in IMPORT_FUNCTIONS and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return ""
