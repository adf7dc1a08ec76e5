"""Django's error mails: they show settings and local variables, and hide less than our log does."""

from typing import Any

from django.utils.safestring import SafeString, mark_safe
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from djbundle.runtime.logs import masking

_cleanse: Any = SafeExceptionReporterFilter.cleanse_setting
_text: Any = ExceptionReporter.get_traceback_text
_html: Any = ExceptionReporter.get_traceback_html


def mask_error_reports() -> None:
    """Let every report of this process, the project's own too, hide what is known to be a secret."""
    SafeExceptionReporterFilter.cleanse_setting = _cleanse_setting  # type: ignore[method-assign]
    ExceptionReporter.get_traceback_text = _get_traceback_text  # type: ignore[method-assign]
    ExceptionReporter.get_traceback_html = _get_traceback_html  # type: ignore[method-assign]


def _cleanse_setting(self: SafeExceptionReporterFilter, key: Any, value: Any) -> Any:
    cleansed = _cleanse(self, key, value)
    return masking.hide(str(key), cleansed) if isinstance(cleansed, str) else cleansed


def _get_traceback_text(self: ExceptionReporter) -> SafeString:
    return mark_safe(masking.mask(_text(self)))  # noqa: S308 - as safe as before


def _get_traceback_html(self: ExceptionReporter) -> SafeString:
    return mark_safe(masking.mask(_html(self)))  # noqa: S308 - as safe as before
