"""Asks this bundle, in a process of its own, what a database of its settings is."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from djbundle.common import service_variables
from djbundle.errors import MoveError
from djbundle.runtime.core.bundle import Bundle

CODE = "from djbundle.runtime.move import facts; facts.print_facts()"
COMMAND_TIMEOUT = 3600.0  # seconds: migrations of a new database may take long
FIX = "  fix: "
NAME_OF_ERROR = re.compile(r"(error|djbundle\.errors\.\w+): ")
NOT_FOR_LIBPQ = ("prepare_threshold",)


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The database "default" of the settings."""

    vendor: str
    name: str  # the file of SQLite
    zone: str  # in which times without one are meant
    parameters: dict[str, Any]  # for psycopg
    others: list[str]  # aliases of other databases


def facts_of_settings() -> DatabaseFacts:
    """Return the facts by the settings of this process. It connects to nothing."""
    from django.db import connections  # noqa: PLC0415 - the command itself runs without Django

    connection = connections[service_variables.DEFAULT_ALIAS]
    others = [alias for alias in connections if alias != service_variables.DEFAULT_ALIAS]
    parameters = {}
    if connection.vendor == "postgresql":
        parameters = {
            name: value
            for name, value in connection.get_connection_params().items()
            if isinstance(value, str | int) and name not in NOT_FOR_LIBPQ
        }
    return DatabaseFacts(
        connection.vendor, str(connection.settings_dict["NAME"]), connection.timezone_name, parameters, others
    )


def print_facts() -> None:
    facts = facts_of_settings()
    print(json.dumps({name: getattr(facts, name) for name in DatabaseFacts.__slots__}))


def ask(bundle: Bundle, url: str | None) -> DatabaseFacts:
    """Return the facts with this ``DATABASE_URL``; None: as the site runs now."""
    return DatabaseFacts(**json.loads(run(bundle, url, "-c", CODE)))


def run(bundle: Bundle, url: str | None, *words: str) -> str:
    """Run a command of this bundle, and return its output. Raise MoveError with its error if it fails."""
    environment = dict(os.environ)
    if url is not None:
        environment[service_variables.DATABASE] = url
    result = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=COMMAND_TIMEOUT, check=False
    )
    if result.returncode:
        cause, fix = cause_and_fix(result.stderr or f"it ended with code {result.returncode}")
        is_command = words[0] != "-c"
        raise MoveError(f"`{Path(bundle.program).name} {words[0]}`: {cause}" if is_command else cause, fix)
    return result.stdout


def cause_and_fix(text: str) -> tuple[str, str]:
    """Return what a command says about its failure: two lines of its own, or the end of a traceback."""
    lines = text.strip().splitlines()
    fixes = [number for number, line in enumerate(lines) if line.startswith(FIX)]
    fix = lines[fixes[-1]].removeprefix(FIX) if fixes else "correct that, and try again; nothing has changed"
    last = lines[fixes[-1] - 1] if fixes and fixes[-1] else lines[-1]
    cause = next((line for line in lines if line.startswith("error: ")), last)
    return NAME_OF_ERROR.sub("", cause), fix
