"""Adds a column and an index only, so workers with older code continue: they neither read nor write it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("djbundle_tasks", "0006_worker_losses")]

    operations = [
        migrations.AddField(
            model_name="taskrecord", name="sent_at", field=models.DateTimeField(editable=False, null=True)
        ),
        migrations.AddIndex(
            model_name="taskrecord",
            index=models.Index(
                condition=models.Q(("sent_at__isnull", False), ("status", "READY")),
                fields=["sent_at"],
                name="djbundle_tasks_sent",
            ),
        ),
    ]
