"""Adds a table only, so workers with older code continue: their relays are not listed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("djbundle_tasks", "0007_sent")]

    operations = [
        migrations.CreateModel(
            name="RelayRecord",
            fields=[
                ("identity", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("host", models.CharField(max_length=255)),
                ("pid", models.PositiveIntegerField()),
                ("seen_at", models.DateTimeField()),
                ("error", models.TextField(default="")),
                ("failing_since", models.DateTimeField(null=True)),
                ("errors", models.PositiveIntegerField(default=0)),
            ],
        ),
    ]
