"""Handles the project's logging, unless the project configures it itself."""

import logging
import traceback
from typing import TYPE_CHECKING, Any

from djbundle.runtime.logs import lines

if TYPE_CHECKING:
    from django.http import HttpRequest

FORMATTER = logging.Formatter()  # of tracebacks


class LineHandler(logging.Handler):
    """Writes log records as lines. An error of a request has the same id as the request's line in the access log."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            trace = FORMATTER.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
            lines.write(level_of(record.levelno), record.name, record.getMessage(), fields_of(record), trace)
        except Exception:  # the caller has passed a wrong argument
            self.handleError(record)


def report_failed_requests() -> None:
    """Write failed requests as lines too, wherever the project's own LOGGING sends them."""
    from django.core.signals import got_request_exception  # noqa: PLC0415 - only verify mode asks for it

    got_request_exception.connect(_report, dispatch_uid="djbundle.runtime")


def _report(request: "HttpRequest", **_: object) -> None:
    fields = {"id": request.META.get("HTTP_X_REQUEST_ID", "")}
    lines.write("error", "django.request", f"{request.path} failed", fields, traceback.format_exc())


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    request = getattr(record, "request", None)
    request_id = getattr(request, "META", {}).get("HTTP_X_REQUEST_ID")
    return {"id": request_id} if request_id else {}


def level_of(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"


def logging_settings() -> dict[str, Any]:
    """Return LOGGING: ours and the worker's at info, the rest at warning, unless the command line sets a level."""
    level = lines.chosen_level
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"lines": {"class": "djbundle.runtime.logs.handler.LineHandler"}},
        "loggers": {"djbundle": {"level": (level or lines.DEFAULT_LEVEL).upper()}},
        "root": {"handlers": ["lines"], "level": (level or "warning").upper()},
    }
