"""Find which installed distribution owns which module."""

from pathlib import Path

from packaging.utils import canonicalize_name

from djbundle.builder.project import installed

DJBUNDLE = "djbundle"
SCRIPTS = frozenset({"console_scripts", "gui_scripts"})  # commands, not plug-ins for other packages


class Owners:
    """The installed distributions and their modules.

    `modules` are the modules that the project has loaded, each with its file. The file of a module tells which
    distribution it belongs to. Its name does not, because distributions may share a namespace package.
    """

    def __init__(self, modules: dict[str, str | None]) -> None:
        self.modules: dict[str, dict[str, Path]] = {}  # in the project's environment: files by module name
        self.loaded: dict[str, dict[str, Path]] = {}  # the same for loaded modules
        self.plugins: dict[str, set[str]] = {}  # distributions in the project's environment, by entry point group
        owners: dict[str, str] = {}
        for distribution in installed.distributions():
            base, name = str(distribution.locate_file("")), canonicalize_name(distribution.name)  # slow, so called once
            own: dict[str, Path] = {}
            if installed.is_of_project(distribution):
                own = self.modules.setdefault(name, {})
                for group in {each.group for each in distribution.entry_points} - SCRIPTS:
                    self.plugins.setdefault(group, set()).add(name)
            for file in installed.files_of(distribution):
                if file.name.endswith((".py", ".so")):
                    path = f"{base}/{file.name}"
                    owners[path] = name
                    own.setdefault(_module(file.name), Path(path))
        for module, origin in sorted(modules.items()):
            if origin and (owner := owners.get(origin)) and not module.startswith(f"{DJBUNDLE}."):
                self.loaded.setdefault(owner, {})[module] = Path(origin)


def _module(name: str) -> str:
    """Return the dotted name of a source or an extension module."""
    folder, slash, base = name.rpartition("/")
    return f"{folder}{slash}{base.partition('.')[0]}".replace("/", ".").removesuffix(".__init__")
