"""The migrations that a rollback goes back past: they are applied, and the previous version does not know them."""

from collections.abc import Collection, Iterator

from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from djbundle.runtime.database.compatibility import Hazard, find_hazards
from djbundle.runtime.database.migrations import used_databases

Key = tuple[str, str]  # app and name


def find_unknown() -> list[str]:
    """Return the applied migrations of all databases that this version has no file for, as "app.name"."""
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    applied = (MigrationRecorder(connections[alias]).applied_migrations() for alias in used_databases())
    return sorted(
        {f"{app}.{name}" for keys in applied for app, name in keys if (app, name) not in loader.disk_migrations}
    )


def find_hazards_of_applied(names: Collection[str]) -> list[Hazard]:
    """Return why a version that does not know these applied migrations could not work with the databases."""
    return [hazard for alias in used_databases() for hazard in _hazards_in(alias, names)]


def _hazards_in(alias: str, names: Collection[str]) -> Iterator[Hazard]:
    executor = MigrationExecutor(connections[alias])
    loader = executor.loader
    applied = [key for key in loader.applied_migrations or () if key in loader.graph.nodes]
    before = [key for key in applied if ".".join(key) not in names]
    plan = executor.migration_plan(loader.graph.leaf_nodes(), clean_start=True)
    later = [each for each, _ in plan if (key := (each.app_label, each.name)) in applied and ".".join(key) in names]
    yield from find_hazards(later, loader.project_state(before))
