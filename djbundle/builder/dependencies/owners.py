"""Which installed distribution owns which module."""

import re
from importlib.metadata import PackagePath
from pathlib import Path

from djbundle.builder.project import installed

DJBUNDLE = "djbundle"
SCRIPTS = frozenset({"console_scripts", "gui_scripts"})  # for people, not for other packages


def normalize(name: str) -> str:
    """As in PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Owners:
    """What is installed, by distribution; `modules` are those that the project has loaded, and their files.

    A module is given to a distribution by its file, not by its name: distributions may share a namespace package.
    """

    def __init__(self, modules: dict[str, str | None]) -> None:
        self.modules: dict[str, dict[str, Path]] = {}  # by distribution of the project's environment: module and file
        self.loaded: dict[str, dict[str, Path]] = {}  # the same, of those that the project has loaded
        self.plugins: dict[str, set[str]] = {}  # by group of entry points: distributions of the project's environment
        owners: dict[str, str] = {}
        for distribution in installed.distributions():
            base, name = str(distribution.locate_file("")), normalize(distribution.name)  # each takes its time
            own: dict[str, Path] = {}
            if installed.is_of_project(distribution):
                own = self.modules.setdefault(name, {})
                for group in {each.group for each in distribution.entry_points} - SCRIPTS:
                    self.plugins.setdefault(group, set()).add(name)
            for file in installed.files_of(distribution):
                if file.suffix in (".py", ".so"):
                    path = f"{base}/{file}"
                    owners[path] = name
                    own.setdefault(_module(file), Path(path))
        for module, origin in sorted(modules.items()):
            if origin and (owner := owners.get(origin)) and not module.startswith(f"{DJBUNDLE}."):
                self.loaded.setdefault(owner, {})[module] = Path(origin)


def _module(file: PackagePath) -> str:
    """The dotted name of a source or an extension module."""
    parts = [*file.parts[:-1], file.name.partition(".")[0]]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
