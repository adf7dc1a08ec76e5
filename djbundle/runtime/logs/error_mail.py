"""Keeps the page of an error from failing with the mail about it."""

import traceback
from logging import LogRecord
from typing import Any

from django.utils.log import AdminEmailHandler

from djbundle.runtime.logs import lines

_emit: Any = AdminEmailHandler.emit


def survive_error_mail() -> None:
    """Let every AdminEmailHandler of this process log its own failure.

    Django ignores only errors of SMTP, and what else the backend raises would replace the page.
    """
    AdminEmailHandler.emit = _emit_or_log  # type: ignore[method-assign, assignment]


def _emit_or_log(self: AdminEmailHandler, record: LogRecord) -> None:
    try:
        _emit(self, record)
    except Exception:
        lines.write("error", "mail", "the mail about an error cannot be sent", trace=traceback.format_exc())
