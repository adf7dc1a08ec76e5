"""The app ``djbundle.tasks``."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _


class TasksConfig(AppConfig):
    name = "djbundle.tasks"
    label = "djbundle_tasks"
    verbose_name = _("Background tasks")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from djbundle.tasks.checks import check_database  # noqa: PLC0415 - needs the settings
        from djbundle.tasks.compat import check_tasks  # noqa: PLC0415 - as above
        from djbundle.tasks.management.runserver import start_worker_beside  # noqa: PLC0415 - as above

        register(check_database, Tags.database)
        register(check_tasks)  # on Django 5.2, only the app of django-tasks would register it
        start_worker_beside()
