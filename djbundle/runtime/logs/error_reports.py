"""Masks secrets in Django's error mails, which show settings and local variables, and in uncaught tracebacks."""

import sys
import traceback
from types import TracebackType
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from djbundle.runtime.logs import masking

_cleanse: Any = SafeExceptionReporterFilter.cleanse_setting
_text: Any = ExceptionReporter.get_traceback_text
_html: Any = ExceptionReporter.get_traceback_html


def mask_error_reports() -> None:
    """Let every report of this process, the project's own too, hide known secrets."""
    SafeExceptionReporterFilter.cleanse_setting = _cleanse_setting  # type: ignore[method-assign]
    ExceptionReporter.get_traceback_text = _get_traceback_text  # type: ignore[method-assign]
    ExceptionReporter.get_traceback_html = _get_traceback_html  # type: ignore[method-assign]
    if sys.excepthook is sys.__excepthook__:  # else the project has one
        sys.excepthook = _print_uncaught


def _cleanse_setting(self: SafeExceptionReporterFilter, key: Any, value: Any) -> Any:
    cleansed = _cleanse(self, key, value)
    return masking.hide(str(key), cleansed) if isinstance(cleansed, str) else cleansed


def _get_traceback_text(self: ExceptionReporter) -> SafeString:
    return mark_safe(masking.mask(_text(self)))  # noqa: S308 - as safe as before


def _get_traceback_html(self: ExceptionReporter) -> SafeString:
    return mark_safe(masking.mask(_html(self)))  # noqa: S308 - as safe as before


def _print_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(masking.mask("".join(traceback.format_exception(kind, error, trace))))
