"""Finds the variables that move a part of the site to a service: ``DATABASE_URL``, ``CACHE_URL`` and ``MEDIA_URL``.

A variable that the settings read themselves is theirs, and changes nothing here: the build has watched them.
"""

import os
from collections.abc import Iterable
from typing import NamedTuple

from djbundle.common import service_variables
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.copy_mode import is_confined


class ServiceVariable(NamedTuple):
    """A variable that is set, and the alias that it moves."""

    alias: str
    name: str
    url: str


def find(bundle: Bundle, base: str, aliases: Iterable[str]) -> list[ServiceVariable]:
    """Return the variables that move one of these aliases. There are none where nothing outside may be used."""
    if is_confined():
        return []
    project_variables = {variable.name for variable in bundle.manifest.variables}
    named = [(alias, service_variables.name_of(base, alias)) for alias in aliases]
    variables = (ServiceVariable(alias, name, os.environ.get(name, "")) for alias, name in named)
    return [each for each in variables if each.url and each.name not in project_variables]


def names(variables: Iterable[ServiceVariable]) -> str:
    """Return the names of variables, as the reason of a change."""
    return ", ".join(each.name for each in variables)
