"""Asks a file of another version what it would migrate, or which applied migrations it does not know."""

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from djbundle.errors import UpgradeError
from djbundle.runtime.logs.formats import printable

# Each runs in the other version and prints JSON. The project may print before it.
PENDING = """
import json, django
django.setup()
from django.db import connections
from djbundle.runtime.database.migrations import find_pending, is_sqlite, used_databases
try:
    from djbundle.runtime.database.migrations import find_hazards_of
except ImportError:  # an older djbundle
    find_hazards_of = lambda connection: []
used = [connections[alias] for alias in used_databases()]
print(json.dumps({
    "migrations": [name for each in used for name in find_pending(each)],
    "must_wait": any(is_sqlite(each) and find_pending(each) for each in used),
    "hazards": [[str(hazard), hazard.is_certain] for each in used for hazard in find_hazards_of(each)],
}))
"""
UNKNOWN = """
import json, django
django.setup()
from djbundle.runtime.database.history import find_unknown
print(json.dumps(find_unknown()))
"""
HAZARDS_OF_APPLIED = """
import json, django
django.setup()
from djbundle.runtime.database.history import find_hazards_of_applied
print(json.dumps([[str(hazard), hazard.is_certain] for hazard in find_hazards_of_applied({names!r})]))
"""

RunCode = Callable[[str], str]  # runs Python in a version, and returns what it prints


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """The migrations that a version would apply."""

    migrations: list[str]  # "app.name"
    must_wait: bool  # connections wait meanwhile, as SQLite has to be migrated by one process alone
    hazards: dict[str, bool]  # what the previous version cannot work with, and whether that is certain

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Self:
        """Build it from what the version prints. Raise ValueError, KeyError or TypeError for something else."""
        names = [printable(name) for name in message["migrations"]]
        return cls(names, bool(message["must_wait"]), _hazards(message["hazards"]))


def ask_for_plan(run_code: RunCode, source: object) -> MigrationPlan:
    """Return what a version would migrate. Raise UpgradeError if it does not say."""
    try:
        return MigrationPlan.of(_last_line(run_code(PENDING)))
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise UpgradeError(f"{source} does not say what it would migrate", "look at what it prints") from error


def ask_for_unknown(run_old: RunCode, run_new: RunCode) -> MigrationPlan:
    """Return the applied migrations that only the new version knows, and why the old one could not work with them.

    It is empty if one of the two versions is too old to tell.
    """
    with contextlib.suppress(UpgradeError, ValueError, TypeError, IndexError, RecursionError):
        if not (unknown := _last_line(run_old(UNKNOWN))):
            return MigrationPlan([], must_wait=False, hazards={})
        orphaned = _last_line(run_new(UNKNOWN))  # of apps that were removed long ago
        names = [printable(name) for name in unknown if name not in orphaned]
        hazards = _hazards(_last_line(run_new(HAZARDS_OF_APPLIED.format(names=names)))) if names else {}
        return MigrationPlan(names, must_wait=False, hazards=hazards)
    return MigrationPlan([], must_wait=False, hazards={})


def _last_line(output: str) -> Any:
    return json.loads(output.splitlines()[-1])


def _hazards(pairs: Any) -> dict[str, bool]:
    return {printable(text): bool(is_certain) for text, is_certain in pairs}
