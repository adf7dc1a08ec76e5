"""Find the environment of a project, and continue there when djbundle runs from another one.

``uvx djbundle`` and ``pipx run djbundle`` have an environment of their own. The build then continues under the
project's interpreter, with djbundle's packages on the search path (see installed.py). So the project's environment
stays unchanged, and the bundle holds the Python and the packages that the project is developed with.
"""

import importlib.metadata
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from djbundle.builder.project.installed import builder_command
from djbundle.builder.project.python_version import check_version
from djbundle.errors import EnvironmentNotFoundError, PythonMismatchError

CONTINUED_VARIABLE = "DJBUNDLE_ENVIRONMENT"  # set by `build`, in the process that continues: the environment, to show
ENVIRONMENT_FOLDERS = (".venv", "venv", "env")
INSTALLERS = frozenset(("pip", "setuptools", "wheel", "uv"))  # they are in every environment
QUERY = """
import importlib.metadata, json, sys
try:
    django = importlib.metadata.version("django")
except importlib.metadata.PackageNotFoundError:
    django = None
print(json.dumps({"version": sys.version_info[:2], "prefix": sys.prefix, "django": django}))
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that may be the project's."""

    python: Path
    version: tuple[int, int]
    prefix: Path
    django: str | None
    origin: str  # how it was found, for display: "the active environment"


def enter_environment(folder: Path, chosen: Path | None) -> str:
    """Make sure that this process runs under the interpreter of the project in `folder`.

    Replace the process if another interpreter must take over. `chosen` is an interpreter or an environment's folder.
    Return a description of the environment, for display.
    """
    if description := os.environ.get(CONTINUED_VARIABLE):
        return description
    environment = _query_chosen(chosen) if chosen else _find_environment(folder.resolve())
    if environment and environment.prefix != Path(sys.prefix):
        _continue_in(environment)
    return _display_path(Path(sys.prefix))


def _continue_in(environment: Environment) -> NoReturn:
    if environment.version != sys.version_info[:2]:
        check_version(
            environment.version, f"{_version_text(environment.version)} of {_display_path(environment.prefix)}"
        )
        raise _version_mismatch(environment)
    path = _display_path(environment.prefix)
    description = f"{path} ({environment.origin})" if environment.origin else path
    command = builder_command(environment.python, "from djbundle.cli import main; main()")
    variables = os.environ | {CONTINUED_VARIABLE: description}
    os.execve(environment.python, [*command, *sys.argv[1:]], variables)  # noqa: S606 - no shell


def _query_chosen(chosen: Path) -> Environment:
    environment = _query(chosen, "--python")
    if environment is None:
        raise EnvironmentNotFoundError(
            f"--python {chosen} is neither a Python that starts nor an environment that has one",
            "name the folder of the environment, such as .venv, or its python",
        )
    if environment.django is None:
        raise EnvironmentNotFoundError(
            f"--python {chosen} has no Django", "install the project's packages there, or name another environment"
        )
    return environment


def _find_environment(folder: Path) -> Environment | None:
    """Return the first environment that has Django; None if djbundle already runs in the right one."""
    if _is_beside_project(folder):
        return None
    for origin, path in _candidates(folder):
        environment = _query(path, origin)
        if environment and environment.django:
            return environment
    return None


def _is_beside_project(folder: Path) -> bool:
    """Return whether djbundle is installed in the project's own environment.

    This environment is active, or lies in the project's folder or a folder above.
    """
    return os.environ.get("VIRTUAL_ENV") == sys.prefix or Path(sys.prefix).parent in _folders_upwards(folder)


def _is_for_djbundle_alone() -> bool:
    """Return whether this environment has only djbundle and its requirements.

    ``uvx``, ``pipx`` and similar tools make such environments.
    """
    needed: set[str] = set()
    waiting = ["djbundle"]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in needed:
            needed.add(name)
            try:
                requires = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:
                continue
            waiting += [Requirement(text).name for text in requires]
    return {canonicalize_name(item.name) for item in importlib.metadata.distributions()} <= needed | INSTALLERS


def _candidates(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield paths where the environment may be, each with how it was found."""
    if active := os.environ.get("VIRTUAL_ENV"):
        yield "the active environment", Path(active)
    for parent in _folders_upwards(folder):
        yield from (("", parent / name) for name in ENVIRONMENT_FOLDERS)
        if (named := parent / ".pdm-python").is_file():
            yield "PDM's", Path(named.read_text().strip())
        if (parent / "poetry.lock").is_file() and (printed := _output("poetry", "env", "info", "-p", cwd=parent)):
            yield "Poetry's", Path(printed)
        if (parent / "Pipfile").is_file() and (printed := _output("pipenv", "--venv", cwd=parent)):
            yield "Pipenv's", Path(printed)
    # Conda's is always active. If djbundle's environment has other packages, it is the project's own.
    if (conda := os.environ.get("CONDA_PREFIX")) and (sys.prefix == sys.base_prefix or _is_for_djbundle_alone()):
        yield "the active environment", Path(conda)


def _folders_upwards(folder: Path) -> list[Path]:
    """Return the folder and the folders above it.

    The last one is the top of its repository, or without a repository its parent.
    """
    above = [folder, *folder.parents]
    top = next((at for at, parent in enumerate(above) if (parent / ".git").exists()), 1)
    return above[: top + 1]


def _output(*command: str, cwd: Path) -> str | None:
    """Return the output of a program; None if it does not exist or fails."""
    if not shutil.which(command[0]):
        return None
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else None


def _query(path: Path, origin: str) -> Environment | None:
    """Start the interpreter `path`, or the one in the folder `path`, and query its environment.

    Return None if no interpreter starts there.
    """
    python = path.absolute()
    if python.is_dir():
        python = next((file for name in ("python", "python3") if (file := python / "bin" / name).exists()), python)
    try:
        result = subprocess.run([python, "-I", "-c", QUERY], capture_output=True, text=True, check=True)
        info = json.loads(result.stdout)
    except (OSError, subprocess.CalledProcessError, json.JSONDecodeError):
        return None
    major, minor = info["version"]
    return Environment(python, (major, minor), Path(info["prefix"]), info["django"], origin)


def _version_mismatch(environment: Environment) -> PythonMismatchError:
    required, running = _version_text(environment.version), _version_text(sys.version_info[:2])
    again = shlex.join(["djbundle", *sys.argv[1:]])
    path = _display_path(environment.prefix)
    install = f"install djbundle there:  {environment.python} -m pip install djbundle"
    return PythonMismatchError(
        f"the project's environment {path} has Python {required}, but djbundle runs on Python {running}",
        f"uvx --python {required} {again}" if shutil.which("uv") else install,
    )


def _version_text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _display_path(prefix: Path) -> str:
    """Return an environment's path for display."""
    here = Path.cwd()
    return str(prefix.relative_to(here)) if prefix.is_relative_to(here) and prefix != here else str(prefix)
