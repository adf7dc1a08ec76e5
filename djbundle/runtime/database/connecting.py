"""Connects to the databases of a site, and says in one line why one does not answer."""

import contextlib
import os
import traceback
from collections.abc import Iterator

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import OperationalError

from djbundle.common import service_variables
from djbundle.common.database_connections import close_connections
from djbundle.errors import ServiceUnreachableError


def direct_connection(alias: str) -> BaseDatabaseWrapper:
    """Return this thread's connection to a database, without a pool until `close_direct_connections`.

    A pool hides the reason why a server refuses, and tries again for half a minute. It also has threads, which do not
    survive the fork that follows.
    """
    connection = connections[alias]
    options = connection.settings_dict.get("OPTIONS", {})
    if "pool" in options:
        options = {name: value for name, value in options.items() if name != "pool"}
        connection.settings_dict = connection.settings_dict | {"OPTIONS": options}
    return connection


def close_direct_connections() -> None:
    """Close all connections of this thread, and let them use their pools again. Close the pools too."""
    connections.close_all()
    for connection in connections.all(initialized_only=True):
        connection.settings_dict = connections.settings[connection.alias]
    close_connections()


def unreachable(alias: str, error: OperationalError) -> ServiceUnreachableError:
    """Return the error for a database that does not answer. The fix names what the operator has set."""
    variable = service_variables.name_of(service_variables.DATABASE, alias)
    source = variable if os.environ.get(variable) else "DATABASES in the settings"
    reason = " ".join(str(error).split())
    return ServiceUnreachableError(
        f'the database "{alias}" does not answer: {reason}', f"start it, or correct {source}"
    )


@contextlib.contextmanager
def refused_connections_explained() -> Iterator[None]:
    """Raise ServiceUnreachableError where a command ends because it cannot connect to a database."""
    try:
        yield
    except OperationalError as error:
        if alias := _alias_that_failed(error):
            raise unreachable(alias, error) from error
        raise


def _alias_that_failed(error: OperationalError) -> str:
    """Return the alias of the database that could not be connected to; "" if the error has another cause."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == "connect" and frame.f_globals["__name__"] == BaseDatabaseWrapper.__module__:
            return str(frame.f_locals["self"].alias)
    return ""
