from django.apps import AppConfig
from django.db.models.signals import class_prepared, post_migrate

PREPARED = []
class_prepared.connect(lambda sender, **kw: PREPARED.append(sender._meta.label), weak=False)


class FrameworkConfig(AppConfig):
    name = "framework"
    verbose_name = "The Framework"
    default_auto_field = "django.db.models.BigAutoField"
    ready_calls = []

    def ready(self):
        from django.apps import apps

        from framework.parts import checks, receivers  # noqa: F401

        self.ready_calls.append((apps.ready, apps.models_ready, apps.apps_ready))
        post_migrate.connect(receivers.after_migrate, sender=self)
