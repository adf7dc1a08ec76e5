"""The optional ``[tool.djbundle]`` table of a project's ``pyproject.toml``."""

import difflib
import tomllib
from dataclasses import Field, dataclass, field, fields
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import Any

from djbundle.builder.project.signer import read_signer
from djbundle.errors import ConfigurationError

TABLE = "tool.djbundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A project's own build options; a command line option takes precedence over each."""

    name: str | None = None  # of the file, its data directory and its processes
    settings: str | None = None  # the settings module, where the wrong one is found
    include: list[str] = field(default_factory=list)  # distributions, and files or folders of the project, to put in
    exclude: list[str] = field(default_factory=list)  # patterns for names of files or folders in the tree, to leave out
    compile: list[str] = field(default_factory=list)  # packages to compile to C, and modules of the project in any case
    bytecode: list[str] = field(default_factory=list)  # modules and packages of the project not to compile to C
    protect: bool = False  # whether the sources of the project stay out
    before: list[str] = field(default_factory=list)  # commands to run in the project's folder before a build
    signer: str | None = None  # a public key in PEM, which `upgrade` requires; pyproject.toml has its file name
    tls: bool = True  # whether the bundle can get TLS certificates by itself

    def excludes(self, name: PurePath | str) -> bool:
        """Return whether a file stays out.

        A file of the project is relative to the project, a file of a package is relative to site-packages, and a
        library opened by name has only its file name.
        """
        return any(
            fnmatch(str(name), pattern) or fnmatch(str(name), f"{pattern.rstrip('/')}/*") for pattern in self.exclude
        )


def file_entries(include: list[str], root: Path) -> list[str]:
    """Return the entries of `include` that are patterns or name files or folders; the others are distributions."""
    plain = [each.rstrip("/").removeprefix("./") for each in include]
    return [each for each in plain if "/" in each or set("*?[") & set(each) or (root / each).exists()]


@dataclass(frozen=True, slots=True)
class ProjectMetadata:
    """The ``[project]`` table of pyproject.toml, if there is one."""

    name: str | None
    version: str | None


def read_pyproject(*folders: Path) -> tuple[Configuration, ProjectMetadata]:
    """Read ``pyproject.toml`` from the first of `folders` that has one; without one, return empty records."""
    for folder in folders:
        if (path := folder / "pyproject.toml").is_file():
            document = _parse(path)
            metadata = document.get("project", {})
            table = document.get("tool", {}).get("djbundle", {})
            return _check(table, path), ProjectMetadata(metadata.get("name"), metadata.get("version"))
    return Configuration(), ProjectMetadata(None, None)


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name} is not valid TOML: {error}", f"correct {path}") from error


def _check(table: dict[str, Any], path: Path) -> Configuration:
    options = {item.name: item for item in fields(Configuration)}
    for key, value in table.items():
        if key not in options:
            nearest = difflib.get_close_matches(key, options, n=1, cutoff=0.4)
            fix = f'write "{nearest[0]}"' if nearest else f"use one of: {', '.join(options)}"
            raise ConfigurationError(f'unknown key "{key}" in [{TABLE}] of {path.name}', fix)
        _check_type(key, value, options[key])
    if "signer" in table:
        table = table | {"signer": read_signer(path.parent / table["signer"])}
    return Configuration(**table)


def _check_type(key: str, value: object, option: "Field[Any]") -> None:
    if option.default_factory is list:
        is_right = isinstance(value, list) and all(isinstance(item, str) for item in value)
        kind, example = "a list of texts", '["..."]'
    elif isinstance(option.default, bool):
        is_right, kind, example = isinstance(value, bool), "true or false", str(not option.default).lower()
    else:
        is_right, kind, example = isinstance(value, str), "a text", '"..."'
    if not is_right:
        raise ConfigurationError(f'"{key}" in [{TABLE}] is not {kind}', f"write {key} = {example}")
