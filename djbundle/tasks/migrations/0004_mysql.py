"""Adds indexes for MySQL and MariaDB, which have no partial indexes.

There, Django creates whole indexes, which do not lead to the few rows of a state; these indexes do. A generated column
holds the unique key of tasks that wait or run. It replaces the constraint with a condition.
"""

from django.db import migrations

from djbundle.tasks.migrations._operations import RunOnMySQL

TABLE = "djbundle_tasks_taskrecord"
INDEXES = {
    "djbundle_tasks_claim": "status, priority DESC, run_after, id",
    "djbundle_tasks_status": "status, finished_at DESC",
}
LIVE_KEY = "CASE WHEN unique_key <> '' AND status IN ('READY', 'RUNNING') THEN unique_key END"


class Migration(migrations.Migration):
    dependencies = [("djbundle_tasks", "0003_workflows_schedules_limits")]
    operations = [
        RunOnMySQL(
            [
                *(f"CREATE INDEX {name} ON {TABLE} ({columns})" for name, columns in INDEXES.items()),
                f"ALTER TABLE {TABLE} ADD COLUMN live_key varchar(64) GENERATED ALWAYS AS ({LIVE_KEY}) VIRTUAL",
                f"CREATE UNIQUE INDEX djbundle_tasks_unique ON {TABLE} (live_key)",
            ],
            [
                f"DROP INDEX djbundle_tasks_unique ON {TABLE}",
                f"ALTER TABLE {TABLE} DROP COLUMN live_key",
                *(f"DROP INDEX {name} ON {TABLE}" for name in INDEXES),
            ],
        )
    ]
