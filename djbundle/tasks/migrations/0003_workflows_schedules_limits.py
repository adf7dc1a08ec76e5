import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import djbundle.tasks.validators


class Migration(migrations.Migration):
    dependencies = [
        ("djbundle_tasks", "0002_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="QueueLimit",
            fields=[
                ("name", models.CharField(max_length=100, primary_key=True, serialize=False, verbose_name="queue")),
                ("tokens", models.FloatField()),
                ("counted_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Schedule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200, unique=True, verbose_name="name")),
                (
                    "task_path",
                    models.CharField(
                        help_text="catalogue.tasks.warm_cache",
                        max_length=255,
                        validators=[djbundle.tasks.validators.validate_task_path],
                        verbose_name="task",
                    ),
                ),
                ("args", models.JSONField(blank=True, default=list, verbose_name="arguments")),
                ("kwargs", models.JSONField(blank=True, default=dict, verbose_name="named arguments")),
                (
                    "cron",
                    models.CharField(
                        blank=True,
                        help_text="0 3 * * *: each day at three",
                        max_length=100,
                        validators=[djbundle.tasks.validators.validate_cron],
                        verbose_name="cron",
                    ),
                ),
                (
                    "interval",
                    models.FloatField(
                        blank=True,
                        help_text="seconds, instead of cron",
                        null=True,
                        validators=[djbundle.tasks.validators.validate_interval],
                        verbose_name="interval",
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        blank=True,
                        help_text="empty: TIME_ZONE",
                        max_length=64,
                        validators=[djbundle.tasks.validators.validate_time_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "missed",
                    models.CharField(
                        choices=[("once", "run once"), ("all", "run each"), ("skip", "skip them")],
                        default="once",
                        max_length=4,
                        verbose_name="missed runs",
                    ),
                ),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("in_code", models.BooleanField(default=False, editable=False, verbose_name="declared in code")),
                ("declared", models.CharField(default="", editable=False, max_length=64)),
                ("next_run", models.DateTimeField(blank=True, null=True, verbose_name="next run")),
                ("last_run", models.DateTimeField(editable=False, null=True, verbose_name="last run")),
            ],
            options={
                "verbose_name": "schedule",
                "verbose_name_plural": "schedules",
            },
        ),
        migrations.CreateModel(
            name="TaskGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("total", models.PositiveIntegerField(verbose_name="tasks")),
                ("remaining", models.PositiveIntegerField(verbose_name="not done")),
                ("callback", models.JSONField(null=True, verbose_name="followed by")),
                ("enqueued_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="enqueued")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
            ],
            options={
                "verbose_name": "task group",
                "verbose_name_plural": "task groups",
            },
        ),
        migrations.CreateModel(
            name="WorkerRecord",
            fields=[
                ("identity", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("host", models.CharField(max_length=255, verbose_name="host")),
                ("pid", models.PositiveIntegerField()),
                ("queues", models.JSONField(default=list, verbose_name="queues")),
                ("processes", models.PositiveIntegerField(verbose_name="processes")),
                ("threads", models.PositiveIntegerField(verbose_name="threads")),
                ("started_at", models.DateTimeField(verbose_name="started")),
                ("seen_at", models.DateTimeField(verbose_name="last seen")),
            ],
            options={
                "verbose_name": "worker",
                "verbose_name_plural": "workers",
            },
        ),
        migrations.AddField(
            model_name="taskrecord",
            name="cancelled_at",
            field=models.DateTimeField(null=True, verbose_name="cancelled"),
        ),
        migrations.AddField(
            model_name="taskrecord",
            name="concurrency_key",
            field=models.CharField(default="", max_length=200, verbose_name="concurrency key"),
        ),
        migrations.AddField(
            model_name="taskrecord",
            name="concurrency_limit",
            field=models.PositiveSmallIntegerField(null=True, verbose_name="at once"),
        ),
        migrations.AddField(
            model_name="taskrecord",
            name="group_index",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="taskrecord",
            name="progress",
            field=models.JSONField(null=True, verbose_name="progress"),
        ),
        migrations.AddField(
            model_name="taskrecord",
            name="then",
            field=models.JSONField(null=True, verbose_name="followed by"),
        ),
        migrations.AddField(
            model_name="taskrecord",
            name="group",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="tasks",
                to="djbundle_tasks.taskgroup",
                verbose_name="group",
            ),
        ),
        migrations.AddIndex(
            model_name="taskrecord",
            index=models.Index(
                condition=models.Q(
                    models.Q(("concurrency_key", ""), _negated=True), ("status__in", ["READY", "RUNNING"])
                ),
                fields=["concurrency_key"],
                name="djbundle_tasks_limited",
            ),
        ),
        migrations.AddIndex(
            model_name="taskrecord",
            index=models.Index(
                condition=models.Q(("status", "FAILED")), fields=["-finished_at"], name="djbundle_tasks_failed"
            ),
        ),
        migrations.AddIndex(
            model_name="taskrecord",
            index=models.Index(
                condition=models.Q(("group__isnull", False)), fields=["group"], name="djbundle_tasks_group"
            ),
        ),
    ]
