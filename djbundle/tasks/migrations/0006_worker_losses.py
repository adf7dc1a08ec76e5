"""Additive: workers with the code before it neither read nor write this column."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("djbundle_tasks", "0005_versions")]

    operations = [
        migrations.AddField(
            model_name="taskrecord", name="worker_losses", field=models.PositiveSmallIntegerField(null=True)
        )
    ]
