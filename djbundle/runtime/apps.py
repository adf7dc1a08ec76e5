"""The app that brings ``serve``, ``version`` and ``config`` to the project's management commands."""

from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    name = "djbundle.runtime"
    label = "djbundle_runtime"
    verbose_name = "djbundle"

    def ready(self) -> None:
        from djbundle.runtime.core.tracebacks import report_compiled_code  # noqa: PLC0415 - as above
        from djbundle.runtime.core.verify_mode import is_verify_mode  # noqa: PLC0415 - as above
        from djbundle.runtime.logs.error_reports import mask_error_reports  # noqa: PLC0415 - needs the settings
        from djbundle.runtime.logs.handler import report_failed_requests  # noqa: PLC0415 - as above

        report_compiled_code()
        mask_error_reports()
        if is_verify_mode():
            report_failed_requests()
