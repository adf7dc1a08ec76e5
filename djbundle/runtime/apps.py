"""The app that brings ``serve``, ``version`` and ``config`` to the project's management commands."""

from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    name = "djbundle.runtime"
    label = "djbundle_runtime"
    verbose_name = "djbundle"

    def ready(self) -> None:
        from djbundle.runtime.tracebacks import report_compiled_code  # noqa: PLC0415 - needs the settings

        report_compiled_code()
