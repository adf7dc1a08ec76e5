"""The record of the migrations that `serve` has applied to SQLite: by which version, and the backups from before.

A rollback reads it. The record is a file of the data directory, which a restore leaves as it is.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from djbundle.runtime.core.own_files import read_own, write_own

FILE = "schema.json"
MAX_STEPS = 50


@dataclass(frozen=True, slots=True)
class SchemaStep:
    """The migrations of one start."""

    version: str
    applied_at: str  # ISO 8601, UTC
    migrations: list[str]  # "app.name"
    backups: dict[str, str]  # files of backups, by the file of the database


def read_steps(data: Path) -> list[SchemaStep]:
    """Return the recorded steps, the oldest first. A file that is missing or damaged has none."""
    try:
        return [SchemaStep(**each) for each in json.loads(read_own(data / FILE))]
    except (OSError, ValueError, TypeError):
        return []


def record_step(data: Path, step: SchemaStep) -> None:
    steps = [*read_steps(data), step][-MAX_STEPS:]
    write_own(data / FILE, json.dumps([asdict(each) for each in steps], indent=1))


def last_steps(steps: Sequence[SchemaStep], names: Collection[str]) -> Mapping[str, int]:
    """Return the index of the step that applied each of these migrations last. Others are left out."""
    return {name: index for index, step in enumerate(steps) for name in step.migrations if name in names}


def version_of(steps: Sequence[SchemaStep], names: Collection[str]) -> str:
    """Return the version that applied the last of these migrations, or "" if that is not recorded."""
    indexes = last_steps(steps, names).values()
    return steps[max(indexes)].version if indexes else ""


def backups_before(steps: Sequence[SchemaStep], names: Collection[str]) -> dict[str, str]:
    """Return the backups of each database from before these migrations.

    It is empty if one of the migrations is not recorded, or a backup is not there any more.
    """
    last = last_steps(steps, names)
    backups: dict[str, str] = {}
    for index in sorted(set(last.values())):
        backups = steps[index].backups | backups  # the oldest one of each database
    is_complete = len(last) == len(set(names)) and all(Path(each).is_file() for each in backups.values())
    return backups if is_complete else {}
