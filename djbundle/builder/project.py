"""Finds a Django project: its folder, its settings module, its name and its sources."""

import ast
import os
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from djbundle.builder import git
from djbundle.builder.bundle import UNFINISHED, is_bundle
from djbundle.builder.configuration import Configuration, read_pyproject
from djbundle.builder.layout import (
    IGNORED_FOLDERS,
    SETTINGS_VARIABLE,
    choose_settings,
    find_manage,
    find_root,
    find_settings_class,
)
from djbundle.errors import ProjectSyntaxError
from djbundle.settings_module import CLASS_VARIABLE

ENVIRONMENT = "pyvenv.cfg"  # lies in the folder of a virtual environment, whatever its name is
# Names of the package with the settings that say nothing about the site.
GENERIC_NAMES = frozenset(
    ("app", "backend", "conf", "config", "core", "main", "project", "server", "settings", "src", "web", "website")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project as its files tell it; nothing of it has been imported yet."""

    root: Path  # the folder with manage.py, first on sys.path
    settings_module: str
    settings_reason: str  # why this one
    settings_class: str  # of django-configurations; "" where the module is all
    name: str
    version: str  # its own, else the short commit, else "0"
    commit: str | None  # as git tells it
    configuration: Configuration
    files: tuple[Path, ...]  # all that belongs to the project, relative to root, sorted
    links: dict[Path, str]  # symbolic links that stay inside the project, and their targets

    def settings_variables(self) -> dict[str, str]:
        """What Django is told of the settings."""
        told = {SETTINGS_VARIABLE: self.settings_module, CLASS_VARIABLE: self.settings_class}
        return {name: value for name, value in told.items() if value}

    def sources(self) -> Iterator[Path]:
        return (path for path in self.files if path.suffix == ".py")


def find_project(folder: Path, *, settings: str | None, name: str | None) -> Project:
    """Find the project in `folder`; `settings` and `name` are the command line's and go before all else."""
    folder = folder.resolve()
    manage = find_manage(folder)
    base = manage.parent if manage else folder
    configuration, metadata = read_pyproject(base, base.parent, folder)
    chosen = choose_settings(folder, manage, configuration, settings)
    root = find_root(folder, manage, chosen.module)
    listed = set(_list_files(root))
    links = {path: target for path in sorted(listed) if (target := _inner_target(root, path))}
    files = tuple(sorted(listed - links.keys()))
    _check_syntax(root, files)
    commit = git.find_commit(root)
    own_name = name or configuration.name or metadata.name or _derived_name(chosen.module, root)
    return Project(
        root=root,
        settings_module=chosen.module,
        settings_reason=chosen.reason,
        settings_class=find_settings_class(base, manage),
        name=_executable_name(own_name),
        version=metadata.version or (git.shortened(commit) if commit else "0"),
        commit=commit,
        configuration=configuration,
        files=files,
        links=links,
    )


def _derived_name(settings_module: str, root: Path) -> str:
    """The package of the settings; the folder's name where that says nothing."""
    package = settings_module.split(".", maxsplit=1)[0]
    folders = (folder.name for folder in (root, *root.parents) if folder.name not in GENERIC_NAMES)
    return next(folders, package) if package in GENERIC_NAMES else package


def _list_files(root: Path) -> Iterator[Path]:
    """What a ``git add .`` would take, where git knows the folder; else every file outside of known tool folders.

    Less virtual environments, and the bundles that were built before, wherever they lie.
    """
    found = [Path(name) for name in git.list_files(root)] or [*_walk(root, root)]
    environments = {path.parent for path in found if path.name == ENVIRONMENT} - {Path()}  # the project may lie in one
    for path in found:
        if _is_of_tools(path) or not environments.isdisjoint(path.parents):
            continue
        if (root / path).is_file() or _inner_target(root, path):
            if not is_bundle(root / path):
                yield path
        elif (root / path).is_dir():  # a link to a folder elsewhere, whose content is taken as if it lay here
            yield from _walk(root / path, root)


def _is_of_tools(path: Path) -> bool:
    return any(part in IGNORED_FOLDERS or part.startswith(UNFINISHED) for part in path.parts)


def _walk(top: Path, root: Path) -> Iterator[Path]:
    """Files and links below `top`, relative to `root`."""
    for folder, folders, names in os.walk(top):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        folders[:] = [name for name in folders if name not in IGNORED_FOLDERS]
        yield from ((Path(folder) / name).relative_to(root) for name in (*names, *links))


def _inner_target(root: Path, path: Path) -> str | None:
    """The target of a symbolic link that leads to somewhere in the project. A source is a module, link or not."""
    full = root / path
    if path.suffix == ".py" or not full.is_symlink():
        return None
    target = str(full.readlink())
    inside = full.resolve().is_relative_to(root.resolve())
    return target if inside and not target.startswith("/") else None


def _check_syntax(root: Path, files: tuple[Path, ...]) -> None:
    for path in files:
        if path.suffix == ".py":
            try:
                with tokenize.open(root / path) as source:
                    ast.parse(source.read())
            except (SyntaxError, UnicodeDecodeError) as error:
                line = getattr(error, "lineno", None) or 1
                raise ProjectSyntaxError(
                    f"{path}:{line} is not valid Python: {getattr(error, 'msg', error)}",
                    f"correct line {line} of {path}",
                ) from error


def _executable_name(name: str) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "-", name.lower()).strip("-.") or "site"
