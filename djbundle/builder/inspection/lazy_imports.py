"""Find modules that others import but no start uses: from Python 3.15 on, a bundle imports them lazily (PEP 810).

Runs in the probe. A lazy import changes when a module runs, so only modules qualify whose run has no effect that others
need: those of the standard library, and of Django those that register nothing. Others register checks, lookups or
signals. An import of a module of Django counts only if it takes names from it.
"""

import functools
import sys
from importlib.machinery import PathFinder

STANDARD_LIBRARY = sys.stdlib_module_names
DJANGO = tuple(
    f"django.{name}."
    for name in (
        "core.files",
        "core.handlers",
        "core.mail",
        "core.management",
        "db.migrations",
        "http",
        "utils",
        "views",
    )
)
MIN_PYTHON = (3, 15)


class LazyImports:
    """Make imports of a process lazy, and tell afterwards which modules nothing has used."""

    def __init__(self) -> None:
        self._asked: set[str] = set()

    def start(self) -> None:
        if sys.version_info >= MIN_PYTHON:
            sys.set_lazy_imports_filter(self.allows)  # type: ignore[attr-defined,unused-ignore]
            sys.set_lazy_imports("all")  # type: ignore[attr-defined,unused-ignore]

    def unused(self) -> list[str]:
        return sorted(self._asked - sys.modules.keys())

    def allows(self, _importer: str, name: str, names: tuple[str, ...] | None) -> bool:
        """Return whether an import statement may be lazy, as sys.set_lazy_imports_filter asks."""
        allowed = name.partition(".")[0] in STANDARD_LIBRARY or (
            name.startswith(DJANGO) and bool(names) and not _has_modules(name, names or ())
        )
        if allowed:
            self._asked.add(name)
        return allowed


@functools.cache
def _has_modules(name: str, names: tuple[str, ...]) -> bool:
    """Return whether any of `names` is a module in the package `name`."""
    folders: list[str] | None = None
    for part in name.split("."):
        spec = PathFinder.find_spec(part if folders is None else f"_.{part}", folders)
        if spec is None or spec.submodule_search_locations is None:
            return False
        folders = [*spec.submodule_search_locations]
    return any(PathFinder.find_spec(f"_.{each}", folders) for each in names)
