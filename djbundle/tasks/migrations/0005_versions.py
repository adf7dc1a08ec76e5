"""Adds columns and tables only, so workers with older code continue: they neither read nor write these."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("djbundle_tasks", "0004_mysql")]

    operations = [
        migrations.CreateModel(
            name="Release",
            fields=[
                ("name", models.CharField(max_length=200, primary_key=True, serialize=False, verbose_name="version")),
                ("first_seen_at", models.DateTimeField(verbose_name="first seen")),
                ("seen_at", models.DateTimeField(verbose_name="last seen")),
            ],
            options={"verbose_name": "version", "verbose_name_plural": "versions"},
        ),
        migrations.AddField(
            model_name="taskrecord",
            name="held",
            field=models.JSONField(editable=False, null=True, verbose_name="held back"),
        ),
        migrations.AddField(
            model_name="workerrecord",
            name="release",
            field=models.CharField(max_length=200, null=True, verbose_name="version"),
        ),
    ]
