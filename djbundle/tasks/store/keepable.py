"""Refuses arguments that are JSON to Python but not to the database."""

import math
from typing import Any

from django.apps import apps
from django.db import connections, router


def validate(what: str, *values: Any) -> None:
    """Raise ValueError for JSON values that the database of the tasks refuses. `what` names the values in the message.

    On PostgreSQL such a value would break the transaction, which may contain more than this task.
    """
    for value in values:
        if reason := _reason(value):
            raise ValueError(f"{what} cannot be kept: {reason}.")


def _reason(value: Any) -> str:
    """Return why the value cannot be kept, or "" if it can."""
    if isinstance(value, str):
        return _reason_of_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"JSON has no {value}"
    if isinstance(value, dict):
        return next(filter(None, map(_reason, (*value, *value.values()))), "")
    if isinstance(value, list):
        return next(filter(None, map(_reason, value)), "")
    return ""


def _reason_of_text(text: str) -> str:
    if "\0" in text and _is_postgresql():
        return f"PostgreSQL takes no NUL, which is in {_excerpt(text)}"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return f"there is half of a surrogate pair in {_excerpt(text)}"
    return ""


def _excerpt(text: str) -> str:
    return ascii(text if len(text) <= 60 else f"{text[:60]}…")


def _is_postgresql() -> bool:
    return connections[router.db_for_write(apps.get_model("djbundle_tasks", "TaskRecord"))].vendor == "postgresql"
