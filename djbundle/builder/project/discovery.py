"""Find the two things that a build rests on: the folder that Python starts in, and the settings module."""

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from djbundle.builder.project.configuration import Configuration
from djbundle.contract.variables import SETTINGS_MODULE
from djbundle.errors import AmbiguousProjectError, AmbiguousSettingsError, ProjectNotFoundError
from djbundle.settings_module import CLASS_VARIABLE

IGNORED_FOLDERS = frozenset(
    (
        *(".git", ".hg", ".svn", ".idea", ".vscode", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox"),
        *(".venv", "venv", "env", "node_modules", "__pycache__", "site-packages"),
    )
)
NOT_THE_PROJECT = frozenset({"tests", "test", "docs", "examples", "example", "demo", "sandbox"})
MAX_DEPTH = 3  # levels of folders below the named one that are searched for a manage.py
# Usual names for the last part of a settings module.
SHARED = frozenset({"base", "common", "defaults", "shared", "__init__"})
DEVELOPMENT = frozenset({"dev", "develop", "development", "local", "debug"})
TESTING = frozenset({"test", "tests", "testing", "ci"})
PRODUCTION = ("production", "prod", "live", "deploy", "deployment")


@dataclass(frozen=True, slots=True)
class SettingsChoice:
    """The settings module, and why it was chosen."""

    module: str
    reason: str  # "named by manage.py"


def find_manage(folder: Path) -> Path | None:
    """Return the only manage.py in `folder`, in its ``src``, or further below; None if there is none."""
    if not folder.is_dir():
        raise ProjectNotFoundError(f"there is no folder {folder}", "name the folder that holds manage.py")
    for candidate in (folder, folder / "src"):
        if (candidate / "manage.py").is_file():
            return candidate / "manage.py"
    paths = sorted(_manage_files(folder, MAX_DEPTH))
    likely = [path for path in paths if not NOT_THE_PROJECT & set(path.relative_to(folder).parts)] or paths
    if len(likely) > 1:
        names = [str(path.parent.relative_to(folder)) for path in likely]
        raise AmbiguousProjectError(
            f"there are {len(names)} projects in {folder}: {', '.join(names)}",
            f"name one:  djbundle build {_as_typed(likely[0].parent)}",
        )
    return likely[0] if likely else None


def _manage_files(folder: Path, depth: int) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name == "manage.py" and path.is_file() and "django" in path.read_text(errors="replace"):
            yield path
        elif depth and path.is_dir() and not path.is_symlink() and path.name not in IGNORED_FOLDERS:
            yield from _manage_files(path, depth - 1)


def choose_settings(
    folder: Path, manage: Path | None, configuration: Configuration, option: str | None
) -> SettingsChoice:
    """Return the settings module from the first source that names one.

    The sources are the command line, pyproject.toml, the environment, wsgi.py and asgi.py, and manage.py.
    """
    choices = (
        SettingsChoice(option or "", "by --settings"),
        SettingsChoice(configuration.settings or "", "by [tool.djbundle]"),
        SettingsChoice(os.environ.get(SETTINGS_MODULE, ""), f"by ${SETTINGS_MODULE}"),
    )
    for explicit in choices:
        if explicit.module:
            return explicit
    base = manage.parent if manage else folder
    if choice := _settings_in_files(base, manage):
        return _for_production(base, choice)
    return _only_candidate(base, manage, folder)


def find_settings_class(base: Path, manage: Path | None) -> str:
    """Return the settings class of django-configurations, or "".

    It is named in the environment, in wsgi.py or asgi.py, or in manage.py.
    """
    files = (*_server_modules(base), *([manage] if manage else []))
    names = (os.environ.get(CLASS_VARIABLE), *(_constant_in(path, CLASS_VARIABLE) for path in files))
    return next(filter(None, names), "")


def _settings_in_files(base: Path, manage: Path | None) -> SettingsChoice | None:
    """Return the settings module that project files name, or None.

    Servers run with the one in wsgi.py and asgi.py; manage.py often names the developer's.
    """
    by_manage = _constant_in(manage) if manage else None
    modules = {path: name for path in _server_modules(base) if (name := _constant_in(path))}
    # A name from before settings.py became a package of several modules would not start.
    by_server = {path: name for path, name in modules.items() if not (by_manage and _is_empty_package(base, name))}
    if len(set(by_server.values())) == 1:
        path, module = next(iter(by_server.items()))
        if module != by_manage:
            beside = f"; manage.py names {by_manage}" if by_manage else ""
            return SettingsChoice(module, f"named by {path.relative_to(base)}{beside}")
    return SettingsChoice(by_manage, "named by manage.py") if by_manage else None


def _is_empty_package(base: Path, module: str) -> bool:
    file = file_of_module(base, module)
    if file is None or file.name != "__init__.py":
        return False
    statements = ast.parse(file.read_bytes()).body
    return all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in statements)


def _server_modules(base: Path) -> Iterator[Path]:
    for name in ("wsgi.py", "asgi.py"):
        for pattern in (name, f"*/{name}", f"*/*/{name}"):
            paths = (path for path in sorted(base.glob(pattern)) if path.is_file())
            yield from (path for path in paths if not IGNORED_FOLDERS & set(path.relative_to(base).parts))


def _constant_in(path: Path, variable: str = SETTINGS_MODULE) -> str | None:
    """Return the text set for the variable in a file, or None.

    It is set by ``os.environ.setdefault("DJANGO_SETTINGS_MODULE", "...")`` or an assignment to that key.
    """
    text = path.read_text(errors="replace")
    pattern = rf"""['"]{variable}['"]\s*(?:,|\]\s*=)\s*['"]([\w.]+)['"]"""
    match = re.search(pattern, text)
    return match[1] if match else None


def _for_production(base: Path, choice: SettingsChoice) -> SettingsChoice:
    """Return the production settings beside the developer's settings, if they exist; else `choice`."""
    package, _, last = choice.module.rpartition(".")
    if last not in DEVELOPMENT:
        return choice
    for name in PRODUCTION:
        module = f"{package}.{name}".lstrip(".")
        if file_of_module(base, module):
            source = choice.reason.removeprefix("named by ")
            return SettingsChoice(module, f"the one for production; {source} names {last}")
    return choice


def _only_candidate(base: Path, manage: Path | None, folder: Path) -> SettingsChoice:
    """Return the settings module if no file names it."""
    candidates = sorted(_candidates(base))
    production = [module for module in candidates if module.rpartition(".")[2] in PRODUCTION]
    if not manage:
        example = (production or candidates or ["MODULE"])[0]
        raise ProjectNotFoundError(
            f"there is no manage.py in {folder}",
            f"name the folder that holds manage.py, or give the settings:  djbundle build --settings {example}",
        )
    if len(candidates) == 1:
        return SettingsChoice(candidates[0], "the only settings module")
    if len(production) == 1:
        return SettingsChoice(production[0], f"the one for production of {len(candidates)}")
    if not candidates:
        raise ProjectNotFoundError(
            f"manage.py names no {SETTINGS_MODULE} and there is no settings.py", "give --settings MODULE"
        )
    raise AmbiguousSettingsError(
        f"there are several settings modules: {', '.join(candidates)}",
        f"choose one:  djbundle build --settings {candidates[-1]}",
    )


def _candidates(base: Path) -> Iterator[str]:
    for pattern in ("settings.py", "*/settings.py", "*/*/settings.py", "settings/*.py", "*/settings/*.py"):
        for path in base.glob(pattern):
            parts = path.relative_to(base).with_suffix("").parts
            if not (IGNORED_FOLDERS | NOT_THE_PROJECT) & set(parts) and path.stem not in SHARED | TESTING:
                yield ".".join(parts)


def find_root(folder: Path, manage: Path | None, module: str) -> Path:
    """Return the folder from which the settings module can be imported.

    It is the folder of manage.py, or a folder above if manage.py lies in a package.
    """
    base = manage.parent if manage else folder
    for candidate in (base, base / "src", base.parent, base.parent.parent):
        if file_of_module(candidate, module):
            return candidate
    return base


def file_of_module(folder: Path, module: str) -> Path | None:
    path = folder.joinpath(*module.split("."))
    return next((file for file in (path.with_name(f"{path.name}.py"), path / "__init__.py") if file.is_file()), None)


def _as_typed(path: Path) -> Path:
    """Return a path as the user would type it in the current folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
