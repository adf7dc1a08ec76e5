"""Runs the project to learn its applications, the modules that it loads, and its static files.

The project runs in a child process (probe.py), so that nothing of it stays in the builder.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from djbundle.builder.project import bytecode_cache
from djbundle.builder.project.installed import project_command
from djbundle.builder.project.project import Project
from djbundle.contract.variables import SETTINGS_MODULE
from djbundle.errors import (
    AppNotInstalledError,
    DiskFullError,
    DjbundleError,
    MissingVariableError,
    ProjectImportError,
    SettingsError,
    StaticFilesError,
)
from djbundle.manifest import Interface

STAND_INS = "--stand-ins"  # for the probe
UNREACHABLE = re.compile(r"connection refused|name or service not known|name resolution", re.IGNORECASE)
OBJECT_REPR = re.compile(r"<([\w.]+) object at 0x[0-9a-f]+>")  # the address helps no reader


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadVariable:
    """An environment variable that the project reads while it is imported."""

    name: str
    needed: bool  # whether the settings fail to import without it
    place: str  # "shop/settings.py:12"
    origin: str  # source of its value on this machine: "the environment", a .env file, or "" if it has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The facts that the probe found."""

    django: str
    wsgi_application: str | None
    asgi_application: str | None
    apps: list[str]
    languages: list[str] | None  # codes in LANGUAGES and LANGUAGE_CODE; None if LANGUAGES is Django's default
    modules: dict[str, str | None]  # each loaded module's name and file
    libraries: list[str]  # absolute paths of loaded shared libraries, including extension modules
    opened: list[str]  # absolute paths of files opened until requests can be answered, in order
    read_sources: list[str]  # absolute paths of sources that were read or looked for as files
    folders: dict[
        str, list[str]
    ]  # absolute folders of templates, static files, fixtures and translations that the settings name
    has_static_files: bool
    missing_static_files: list[str]  # named by style sheets
    media_root: str
    media_url: str = ""  # URL where a bundle serves uploads; "" if they are served elsewhere
    static_root: str
    variables: list[ReadVariable]
    deployment: list[dict[str, str]]  # from `check --deploy`: id, message, hint
    machine_ties: list[tuple[str, str, str]] = field(default_factory=list)  # setting, cause, fix
    databases: list[str] = field(default_factory=list)  # absolute paths of the SQLite files in DATABASES
    failed_checks: list[str] = field(default_factory=list)  # errors of Django's checks, from the sources
    threads: list[tuple[str, str]] = field(
        default_factory=list
    )  # that a fork would end: name, and where it was started

    @property
    def interface(self) -> Interface:
        """The interface: "asgi" if the project sets ASGI_APPLICATION, else "wsgi".

        startproject writes WSGI_APPLICATION into every project, but never ASGI_APPLICATION.
        """
        return "asgi" if self.asgi_application else "wsgi"

    @property
    def shows_docstrings(self) -> bool:
        """True if pages of the site show the docstrings of Django and of other applications."""
        return "django.contrib.admindocs" in self.apps

    def read_as_data(self) -> set[str]:
        """Return the opened files, without the sources of imported modules."""
        return {path for path in self.opened if not path.endswith(".py")} | set(self.read_sources)


def inspect_project(project: Project, environment: dict[str, str], work: Path) -> Inspection:
    """Run the probe; it collects static files to ``work/static``.

    If the project cannot reach its servers, run it once more with stand-ins for its cache servers.
    """
    report = _run_probe(project, environment, work)
    if "failure" in report and UNREACHABLE.search(report["failure"]["message"]):
        second = _run_probe(project, environment, work, STAND_INS)
        report = second if "facts" in second else report
    if "failure" in report:
        raise error_of_failure(report["failure"], project)
    facts = report["facts"]
    return Inspection(**facts | {"variables": [ReadVariable(**item) for item in facts["variables"]]})


def _run_probe(project: Project, environment: dict[str, str], work: Path, *options: str) -> dict[str, Any]:
    """Run the probe and return its report."""
    report = work / "probe.json"
    report.unlink(missing_ok=True)
    # A fixed hash seed gives sets a stable order, and so the opened files. The bundle stores files in the order of
    # opening, and takes unchanged blocks from the cache.
    overrides = bytecode_cache.variables() | {"PYTHONHASHSEED": "0"}
    command = project_command("from djbundle.builder.inspection.probe import run; run()")
    result = subprocess.run(
        [*command, str(report), str(work / "static"), *options],
        cwd=project.root,
        env=os.environ | project.settings_variables() | environment | overrides,
        capture_output=True,
        text=True,
        check=False,
    )
    if not report.exists() or not report.stat().st_size:
        last = (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[-1]
        if "No space left" in result.stderr:
            raise DiskFullError("the disk is full while collecting static files", "free some room")
        raise SettingsError(
            f"the project ended the process that imports it: {last}",
            f"see why:  python -c 'import {project.settings_module}'  in {project.root}",
        )
    return json.loads(report.read_text())  # type: ignore[no-any-return]


def error_of_failure(failure: dict[str, Any], project: Project) -> DjbundleError:
    """Return the error for the failure that the probe reports."""
    step, error_type = failure["step"], failure["type"]
    place = failure["place"] or project.settings_module
    if variables := failure["missing_variables"]:
        return _missing_variables_error(project, variables)
    message = OBJECT_REPR.sub(r"\1", " ".join(f"{error_type}: {failure['message']}".split()))
    missing = failure["missing_module"]
    is_own_module = bool(missing) and any(
        (project.root / f"{missing.partition('.')[0]}{end}").exists() for end in ("", ".py")
    )
    if step == "settings":
        if missing and f"{project.settings_module}.".startswith(f"{missing}."):
            return SettingsError(
                f'there is no module "{project.settings_module}" in {project.root}',
                "give the right one with --settings MODULE",
            )
        if not missing or is_own_module:
            return SettingsError(
                f'{SETTINGS_MODULE} "{project.settings_module}" does not import: {message}', f"correct {place}"
            )
    if missing and not is_own_module:
        return AppNotInstalledError(
            f'INSTALLED_APPS or an import needs "{missing}", which is not installed in {sys.prefix} ({place})',
            f"install the package that has {missing}, take it out, or name the environment that has it with --python",
        )
    if step == "static":
        command = "compress" if error_type == "CompressError" else "collectstatic"
        return StaticFilesError(f"{command} failed: {message}", "add the file, or correct the file that names it")
    return _start_error(message, place)


def _start_error(message: str, place: str) -> ProjectImportError:
    if UNREACHABLE.search(message):
        return ProjectImportError(
            f"the project connects to a server while it is loaded: {message}",
            "start that server for the build too, name another one with  --env NAME=VALUE,  or have it connect later",
        )
    return ProjectImportError(
        f"the project does not start: {message}",
        f"correct {place}; `python manage.py check` shows the traceback",
    )


def _missing_variables_error(project: Project, variables: list[tuple[str, str]]) -> MissingVariableError:
    """Return the error for missing variables; `variables` has each variable and the place where it is read."""
    names = ", ".join(f"{name} ({place})" if place else name for name, place in variables)
    word = "variable" if len(variables) == 1 else "variables"
    options = " ".join(f"--env {name}=build-only" for name, _ in variables)
    return MissingVariableError(
        f'{SETTINGS_MODULE} "{project.settings_module}" needs the environment {word} {names}',
        f"give a value for the build:  djbundle build {options}",
    )
