"""Adds a column only, so workers with older code continue: they neither read nor write it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("djbundle_tasks", "0005_versions")]

    operations = [
        migrations.AddField(
            model_name="taskrecord", name="worker_losses", field=models.PositiveSmallIntegerField(null=True)
        )
    ]
