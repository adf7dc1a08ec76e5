"""Find which variables the settings need, by importing the settings again without each. Runs in the probe.

Each trial is a child process, forked after the settings were imported. The packages are already loaded then, so a trial
takes milliseconds. Only the project's own modules and the packages that read settings are imported again.
"""

import builtins
import contextlib
import importlib
import io
import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from djbundle.builder.inspection.settings_models import model_readings
from djbundle.builder.inspection.watch import Watch
from djbundle.builder.project.env_files import ENV_FILE, names_in
from djbundle.common.child import ChildDiedError, run_in_child

IMPORT_TIMEOUT = 5  # seconds for one import
SETTINGS_PACKAGES = frozenset({"environ", "environs", "decouple", "dj_database_url", "dotenv", "pydantic_settings"})
LIKELY_VALUE = "1"  # valid as a number, a flag and a text


def needed_variables(watch: Watch, module: str, before: Mapping[str, str], env_files: Iterable[str]) -> set[str]:
    """Return the variables without which `module` does not import.

    Only variables that have a value are tried: in the environment `before` the import, or in a file.
    """
    model_reads = {reading.name: reading for reading in model_readings(watch)}
    watch.readings |= model_reads
    if not _imports(watch, module, before, hidden=None):  # a second import always fails, so trials prove nothing
        return {name for name, reading in watch.readings.items() if reading.is_required}
    in_files = names_in(env_files)
    candidates = [name for name in watch.readings if name not in model_reads and (name in before or name in in_files)]
    required = {name for name, reading in model_reads.items() if reading.is_required}
    return required | {name for name in candidates if not _imports(watch, module, before, hidden=name)}


def _imports(watch: Watch, module: str, before: Mapping[str, str], hidden: str | None) -> bool:
    def import_again() -> str:
        _silence()
        _unload_modules(watch)
        _restore_environment(before)
        watch.hidden = hidden
        if hidden:
            _hide_in_files(hidden)
        importlib.import_module(module)
        return ""

    try:
        run_in_child(import_again, IMPORT_TIMEOUT)
    except (ChildDiedError, TimeoutError):
        return False
    return True


def missing_variables(watch: Watch, module: str, missing: str) -> list[str]:
    """Return `missing`, which the settings failed for, and the variables that they fail for next.

    Each one is set to a likely value before the next import. This process cannot be used for other imports afterwards.
    """
    names: list[str] = []
    while missing and missing not in names:
        names.append(missing)
        os.environ[missing] = LIKELY_VALUE
        _unload_modules(watch)
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                importlib.import_module(module)
        except BaseException as error:
            missing = missing_variable(error) or ""
        else:
            break
    return names


def missing_in_models(watch: Watch) -> list[str]:
    """Return the variables that pydantic-settings did not find.

    Its own error message names fields, not variables.
    """
    return [item.name for item in model_readings(watch) if item.is_required and item.name not in os.environ]


# How settings packages report a missing variable: django-environ, decouple, environs, django-configurations.
MISSING_MESSAGES = (
    r"Set the (\w+) environment variable",
    r"^(\w+) not found\. Declare it as envvar",
    r'Environment variable "(\w+)" not set',
    r"set as the environment variable '(\w+)'",
)


def missing_variable(error: BaseException) -> str | None:
    """Return the variable whose absence caused `error`, or None."""
    if isinstance(error, KeyError) and error.__traceback__ and _comes_from_environment(error):
        return str(error.args[0])
    matches = (re.search(pattern, str(error)) for pattern in MISSING_MESSAGES)
    return next((match[1] for match in matches if match), None)


def _comes_from_environment(error: KeyError) -> bool:
    traceback = error.__traceback__
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    return traceback is not None and traceback.tb_frame.f_globals.get("__name__") in ("os", Watch.__module__)


def _silence() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _unload_modules(watch: Watch) -> None:
    """Make Python import the project's modules again, and the packages that cache the values they read."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in SETTINGS_PACKAGES or watch.is_own(str(getattr(module, "__file__", None) or "")):
            del sys.modules[name]


def _restore_environment(before: Mapping[str, str]) -> None:
    """Remove variables that the first import has set, such as those from a file."""
    for name in [name for name in os.environ if name not in before]:
        del os.environ[name]


def _hide_in_files(name: str) -> None:
    """Hide the line that sets `name` in every .env file that is read from now on."""
    line = re.compile(rf"^\s*(?:export\s+)?{re.escape(name)}\s*=.*\n?", re.MULTILINE)
    open_really = builtins.open

    def open_without(file: Any, *arguments: Any, **options: Any) -> Any:
        file_object = open_really(file, *arguments, **options)
        if isinstance(file, str | os.PathLike) and ENV_FILE.search(os.fspath(file)):
            return io.StringIO(line.sub("", file_object.read()))
        return file_object

    builtins.open = io.open = open_without
