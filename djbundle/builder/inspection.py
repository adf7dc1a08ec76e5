"""What only running the project can tell: its applications, the modules that it loads, its static files.

The project runs in a child process (probe.py), so that nothing of it stays in the builder.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from djbundle.builder.project import SETTINGS_VARIABLE, Project
from djbundle.errors import (
    AppNotInstalledError,
    DiskFullError,
    DjbundleError,
    MissingVariableError,
    ProjectImportError,
    SettingsError,
    StaticFilesError,
    UnsupportedVersionError,
)

DJANGO_FLOOR, DJANGO_CEILING = (5, 2), (7, 0)
PYTHON_FLOOR = (3, 12)
# How the usual packages for settings say that a variable is missing: django-environ, decouple, pydantic-settings.
VARIABLE_MESSAGES = (
    r"Set the (\w+) environment variable",
    r"^(\w+) not found\. Declare it as envvar",
    r"^(\w+)\n +Field required",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What the probe saw."""

    django: str
    wsgi_application: str | None
    asgi_application: str | None
    apps: list[str]
    languages: list[str] | None  # codes in LANGUAGES and LANGUAGE_CODE; None where they are Django's own
    modules: dict[str, str | None]  # name of each loaded module and its file
    opened: list[str]  # files that were opened to read, absolute, in order, until requests could be answered
    has_static_files: bool
    optional: list[str]  # modules of apps that a package which is not installed keeps from importing
    media_root: str
    static_root: str


def check_versions() -> None:
    """Refuse a Python or Django that a bundle cannot carry, before any work is done."""
    if sys.version_info < PYTHON_FLOOR:
        raise UnsupportedVersionError(f"Python {sys.version.split()[0]} is too old", "build with Python 3.12 or later")
    from importlib.metadata import version  # noqa: PLC0415 - once

    django = version("django")
    if not DJANGO_FLOOR <= tuple(map(int, re.findall(r"\d+", django)[:2])) < DJANGO_CEILING:
        raise UnsupportedVersionError(
            f"Django {django} is not supported", 'install another:  pip install "django>=5.2,<7"'
        )


def inspect_project(project: Project, environment: dict[str, str], work: Path) -> Inspection:
    """Run the probe; static files are collected to ``work/static``."""
    report = work / "probe.json"
    own = {SETTINGS_VARIABLE: project.settings_module, "PYTHONPATH": _python_path(), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(
        [sys.executable, "-m", "djbundle.builder.probe", str(report), str(work / "static")],
        cwd=project.root,
        env=os.environ | environment | own,
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
            "make its settings import without side effects",
        )
    answer = json.loads(report.read_text())
    if "failure" in answer:
        raise explain(answer["failure"], project)
    return Inspection(**answer["facts"])


def _python_path() -> str:
    """The child needs this package, which may be a checkout; the project's folder is first by ``-m``."""
    return os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(Path(__file__).parents[2])]))


def explain(failure: dict[str, Any], project: Project) -> DjbundleError:
    """The error for what the probe caught."""
    step, message, kind = failure["step"], failure["message"], failure["type"]
    place = failure["place"] or project.settings_module
    if variable := _missing_variable(failure):
        return MissingVariableError(
            f'{SETTINGS_VARIABLE} "{project.settings_module}" needs the environment variable {variable} ({place})',
            f"give it a value for the build:  djbundle build --env {variable}=build-only",
        )
    said = " ".join(f"{kind}: {message}".split())
    if step == "settings":
        if failure["missing_module"] and project.settings_module.startswith(failure["missing_module"]):
            return SettingsError(
                f'there is no module "{project.settings_module}" in {project.root}',
                "give the right one with --settings MODULE",
            )
        return SettingsError(
            f'{SETTINGS_VARIABLE} "{project.settings_module}" does not import: {said}', f"correct {place}"
        )
    if step == "setup" and failure["missing_module"]:
        name = failure["missing_module"]
        return AppNotInstalledError(
            f'INSTALLED_APPS or an import needs "{name}", which is not installed',
            f"install the package that has {name}, or take it out",
        )
    if step == "static":
        return StaticFilesError(f"collectstatic failed: {said}", "add the file, or correct the file that names it")
    return ProjectImportError(
        f"the project does not start: {said}",
        f"correct {place}; `python manage.py check` shows the traceback",
    )


def _missing_variable(failure: dict[str, Any]) -> str | None:
    if failure["type"] == "KeyError" and failure["is_environment"]:
        return str(failure["message"])
    for pattern in VARIABLE_MESSAGES:
        if found := re.search(pattern, failure["message"]):
            return found[1]
    return None
