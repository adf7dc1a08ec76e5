"""Find a Django project: its folder, its settings module, its name and its sources."""

import ast
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from djbundle.builder.core import git
from djbundle.builder.project.configuration import Configuration, read_pyproject
from djbundle.builder.project.discovery import (
    choose_settings,
    find_manage,
    find_root,
    find_settings_class,
)
from djbundle.builder.project.listing import Listing, inner_target, list_project
from djbundle.contract.variables import SETTINGS_MODULE
from djbundle.errors import ProjectSyntaxError
from djbundle.settings_module import CLASS_VARIABLE

# Names of settings packages that say nothing about the site.
GENERIC_NAMES = frozenset(
    ("app", "backend", "conf", "config", "core", "main", "project", "server", "settings", "src", "web", "website")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project as its files describe it. Nothing of it is imported yet."""

    root: Path  # the folder with manage.py, first on sys.path
    settings_module: str
    settings_reason: str  # why this one
    settings_class: str  # of django-configurations; "" if the module is enough
    name: str
    version: str  # its own, else the short commit, else "0"
    commit: str | None  # from git
    configuration: Configuration
    files: tuple[Path, ...]  # all that belongs to the project, relative to root, sorted
    links: dict[Path, str]  # symbolic links that stay inside the project, and their targets
    listing: Listing = field(default_factory=Listing)  # how the files were found, and which are ignored

    def settings_variables(self) -> dict[str, str]:
        """Return the environment variables that name the settings for Django."""
        variables = {SETTINGS_MODULE: self.settings_module, CLASS_VARIABLE: self.settings_class}
        return {name: value for name, value in variables.items() if value}

    def sources(self) -> Iterator[Path]:
        return (path for path in self.files if is_source(path))


def is_source(path: Path) -> bool:
    """Return whether a file may be a module. Hidden files may not: editors leave some of them."""
    return path.suffix == ".py" and not any(part.startswith(".") for part in path.parts)


def find_project(folder: Path, *, settings: str | None, name: str | None) -> Project:
    """Find the project in `folder`.

    `settings` and `name` come from the command line, and take precedence over everything else.
    """
    folder = folder.resolve()
    manage = find_manage(folder)
    base = manage.parent if manage else folder
    configuration, metadata = read_pyproject(base, base.parent, folder)
    choice = choose_settings(folder, manage, configuration, settings)
    root = find_root(folder, manage, choice.module)
    listing = list_project(root, _folders_between(folder, base, root))
    listed = set(listing.files)
    links = {path: target for path in sorted(listed) if (target := inner_target(root, path))}
    files = tuple(sorted(listed - links.keys()))
    _check_syntax(root, files)
    commit = git.find_commit(root) if listing.git_state == "git" else None
    own_name = name or configuration.name or metadata.name or _derived_name(choice.module, root)
    return Project(
        root=root,
        settings_module=choice.module,
        settings_reason=choice.reason,
        settings_class=find_settings_class(base, manage),
        name=_executable_name(own_name),
        version=metadata.version or (git.shortened(commit) if commit else "0"),
        commit=commit,
        configuration=configuration,
        files=files,
        links=links,
        listing=listing,
    )


def _folders_between(folder: Path, base: Path, root: Path) -> list[Path]:
    """Return the folders above `root` whose .gitignore counts when git is not used.

    They start at the folder of the command line, or at pyproject.toml.
    """
    roots = [each for each in (folder, base, base.parent) if root.is_relative_to(each)]
    roots = [each for each in roots if each in (folder, base) or (each / "pyproject.toml").is_file()]
    top = min(roots, key=lambda each: len(each.parts), default=root)
    return [each for each in reversed(root.parents) if each.is_relative_to(top)]


def _derived_name(settings_module: str, root: Path) -> str:
    """Return the name of the settings package, or the folder's name if the package has a generic name."""
    package = settings_module.split(".", maxsplit=1)[0]
    folders = (folder.name for folder in (root, *root.parents) if folder.name not in GENERIC_NAMES)
    return next(folders, package) if package in GENERIC_NAMES else package


def _check_syntax(root: Path, files: tuple[Path, ...]) -> None:
    for path in files:
        if is_source(path):
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
