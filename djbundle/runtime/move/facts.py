"""Starts this bundle in a process of its own, to learn the facts about the databases of its settings."""

import json
from dataclasses import dataclass
from typing import Any

from djbundle.common import service_variables
from djbundle.errors import MoveError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.own_process import run_own

CODE = "from djbundle.runtime.move import facts; facts.print_facts()"
NOT_FOR_LIBPQ = ("prepare_threshold",)


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The database "default" of the settings."""

    vendor: str
    name: str  # the file of SQLite
    zone: str  # the time zone of times without one
    parameters: dict[str, Any]  # for psycopg
    others: list[str]  # aliases of other databases


def facts_of_settings() -> DatabaseFacts:
    """Return the facts that the settings of this process give. Connect to nothing."""
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
    environment = {} if url is None else {service_variables.DATABASE: url}
    return run_own(bundle, *words, error=MoveError, environment=environment)
