"""Adds a column only, so workers with older code continue: they run such tasks one at a time, but in no order."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("djbundle_tasks", "0008_relays")]

    operations = [
        migrations.AddField(
            model_name="taskrecord", name="in_order", field=models.BooleanField(null=True, verbose_name="in order")
        )
    ]
