"""Finds a Django project: its folder, its settings module, its name and its sources."""

import ast
import os
import re
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from djbundle.builder.configuration import Configuration, read_pyproject
from djbundle.errors import AmbiguousSettingsError, ProjectNotFoundError, ProjectSyntaxError

SETTINGS_VARIABLE = "DJANGO_SETTINGS_MODULE"
IGNORED_FOLDERS = frozenset(
    {".git", ".hg", ".tox", ".nox", ".venv", "venv", "env", "node_modules", "__pycache__", "site-packages"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project as its files tell it; nothing of it has been imported yet."""

    root: Path  # the folder with manage.py, first on sys.path
    settings_module: str
    name: str
    version: str
    configuration: Configuration
    files: tuple[Path, ...]  # all that belongs to the project, relative to root, sorted
    links: dict[Path, str]  # symbolic links that stay inside the project, and their targets

    def sources(self) -> Iterator[Path]:
        return (path for path in self.files if path.suffix == ".py")


def find_project(folder: Path, *, settings: str | None, name: str | None) -> Project:
    """Find the project in `folder`; `settings` and `name` are the command line's and go before all else."""
    root = _find_root(folder.resolve(), has_settings=settings is not None)
    configuration, metadata = read_pyproject(root)
    listed = set(_list_files(root))
    links = {path: target for path in sorted(listed) if (target := _inner_target(root, path))}
    files = tuple(sorted(listed - links.keys()))
    _check_syntax(root, files)
    settings_module = settings or configuration.settings or _find_settings(root, files)
    return Project(
        root=root,
        settings_module=settings_module,
        name=_executable_name(name or configuration.name or metadata.name or settings_module.split(".")[0]),
        version=metadata.version or "0",
        configuration=configuration,
        files=files,
        links=links,
    )


def _find_root(folder: Path, *, has_settings: bool) -> Path:
    if not folder.is_dir():
        raise ProjectNotFoundError(f"there is no folder {folder}", "name the folder that holds manage.py")
    for candidate in (folder, folder / "src"):
        if (candidate / "manage.py").is_file():
            return candidate
    if has_settings:
        return folder
    below = sorted(folder.glob("*/manage.py"))
    fix = f"djbundle build {below[0].parent}" if below else "name the folder that holds manage.py, or give --settings"
    raise ProjectNotFoundError(f"there is no manage.py in {folder}", fix)


def _list_files(root: Path) -> Iterator[Path]:
    """What a ``git add .`` would take, where git knows the folder; else every file outside of known tool folders."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "."]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
    except (FileNotFoundError, subprocess.CalledProcessError):
        listed = []
    found = (Path(name) for name in listed if name) if any(listed) else _walk(root, root)
    for path in found:
        if IGNORED_FOLDERS & set(path.parts):
            continue
        if (root / path).is_file() or _inner_target(root, path):
            yield path
        elif (root / path).is_dir():  # a link to a folder elsewhere, whose content is taken as if it lay here
            yield from _walk(root / path, root)


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


def _find_settings(root: Path, files: tuple[Path, ...]) -> str:
    if named := _settings_of_manage(root / "manage.py"):
        return named
    candidates = sorted(_settings_candidates(files))
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise ProjectNotFoundError(
            f"manage.py names no {SETTINGS_VARIABLE} and there is no settings.py", "give --settings MODULE"
        )
    raise AmbiguousSettingsError(
        f"there are several settings modules: {', '.join(candidates)}",
        f"choose one:  djbundle build --settings {candidates[-1]}",
    )


def _settings_of_manage(manage: Path) -> str | None:
    """The constant in ``os.environ.setdefault("DJANGO_SETTINGS_MODULE", "...")`` or an assignment to that key."""
    if not manage.is_file():
        return None
    text = manage.read_text()
    pattern = rf"""['"]{SETTINGS_VARIABLE}['"]\s*(?:,|\]\s*=)\s*['"]([\w.]+)['"]"""
    found = re.search(pattern, text)
    return found[1] if found else None


def _settings_candidates(files: tuple[Path, ...]) -> Iterator[str]:
    for path in files:
        module = ".".join(path.with_suffix("").parts)
        is_settings = path.name == "settings.py" and len(path.parts) <= 3
        in_package = path.suffix == ".py" and path.parent.name == "settings" and path.name != "__init__.py"
        if is_settings or (in_package and path.stem not in ("base", "common", "defaults")):
            yield module


def _executable_name(name: str) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "-", name.lower()).strip("-.") or "site"
