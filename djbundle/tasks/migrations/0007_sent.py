"""Adds a column and an index only, so workers with older code continue: they neither read nor write it."""

from django.db import migrations, models

from djbundle.tasks.operations import RunOnMySQL

TABLE = "djbundle_tasks_taskrecord"


class Migration(migrations.Migration):
    dependencies = [("djbundle_tasks", "0006_worker_losses")]

    operations = [
        migrations.AddField(
            model_name="taskrecord", name="sent_at", field=models.DateTimeField(editable=False, null=True)
        ),
        migrations.AddIndex(
            model_name="taskrecord",
            index=models.Index(
                condition=models.Q(("status", "READY"), ("sent_at__isnull", False)),
                fields=["sent_at"],
                name="djbundle_tasks_sent",
            ),
        ),
        RunOnMySQL(  # it has no partial indexes
            [f"CREATE INDEX djbundle_tasks_sent ON {TABLE} (sent_at)"], [f"DROP INDEX djbundle_tasks_sent ON {TABLE}"]
        ),
    ]
