"""Keeps the errors of requests and of tasks: a log handler beside those of the project."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from djbundle.runtime.logs import masking
from djbundle.runtime.logs.kept_errors import KeptErrors, Occurrence

LOGGERS = ("django.request", "django.tasks", "django_tasks")  # the last before Django 6


class ErrorKeeper(logging.Handler):
    """Takes what is logged with an exception. `is_of_project` recognizes frames of the project."""

    def __init__(self, errors: KeptErrors, version: str, is_of_project: Callable[[FrameType], bool]) -> None:
        super().__init__(logging.ERROR)
        self._errors, self._version, self._is_of_project = errors, version, is_of_project

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the error of a record. Never fail: the page of the error waits."""
        try:
            if record.exc_info and (error := record.exc_info[1]):
                self._errors.add(self._occurrence(record, error))
        except Exception:
            self.handleError(record)

    def _occurrence(self, record: logging.LogRecord, error: BaseException) -> Occurrence:
        request: Any = getattr(record, "request", None)
        meta = getattr(request, "META", {})
        return Occurrence(
            kind=f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
            place=self._place(error.__traceback__),
            message=masking.mask(str(error)),
            method=getattr(request, "method", None) or "",
            path=masking.mask(request.path if request else record.getMessage()),
            request=meta.get("HTTP_X_REQUEST_ID", ""),
            agent=masking.mask(meta.get("HTTP_USER_AGENT", "")),
            version=self._version,
            traceback=masking.mask("".join(traceback.format_exception(error))),
        )

    def _place(self, trace: TracebackType | None) -> str:
        frames = [*traceback.walk_tb(trace)]
        own = [each for each in frames if self._is_of_project(each[0])]
        for frame, line in reversed(own or frames):
            module = frame.f_globals.get("__name__", Path(frame.f_code.co_filename).name)
            return f"{module}:{line} in {frame.f_code.co_name}"
        return ""


def keep_errors(data: Path, version: str, is_of_project: Callable[[FrameType], bool]) -> None:
    """Keep the errors of this process, and of those that are forked from it."""
    keeper = ErrorKeeper(KeptErrors(data), version, is_of_project)
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, ErrorKeeper) for each in logger.handlers):
            logger.addHandler(keeper)
