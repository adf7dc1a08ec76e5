"""Validators of schedules, for the decorator and for the admin. Each raises ValidationError."""

import datetime
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from cronsim import CronSim, CronSimError
from django.core.exceptions import ValidationError
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from djbundle.tasks.compat import Task
from djbundle.tasks.store import keepable
from djbundle.tasks.timing import UTC, zone_of

MIN_INTERVAL, MAX_INTERVAL = 1.0, 3e9  # seconds; a hundred years


def validate_cron(text: str) -> None:
    try:
        tick = next(CronSim(text, datetime.datetime.now(UTC)), None)
    except CronSimError as error:
        raise ValidationError(
            _('"%(text)s" is not a cron expression: %(error)s'), "cron", _params(text, error)
        ) from error
    if tick is None:
        raise ValidationError(_('"%(text)s" never comes.'), "cron", {"text": text})


def validate_interval(seconds: float) -> None:
    if not MIN_INTERVAL <= seconds <= MAX_INTERVAL:
        raise ValidationError(_("An interval is from one second to a hundred years."), "interval")


def validate_time_zone(name: str) -> None:
    try:
        zone_of(name)
    except (KeyError, ValueError, OSError) as error:  # unknown, not a possible name, a folder
        raise ValidationError(_('There is no time zone "%(text)s".'), "time_zone", {"text": name}) from error


def validate_task_path(path: str) -> None:
    load_task(path)


def load_task(path: str) -> Task:  # type: ignore[type-arg,unused-ignore]
    try:
        task = import_string(path)
    except Exception as error:  # its module may raise anything
        raise ValidationError(
            _('"%(text)s" cannot be imported: %(error)s'), "task_path", _params(path, error)
        ) from error
    if not isinstance(task, Task):
        raise ValidationError(_('"%(text)s" is not a task.'), "task_path", {"text": path})
    return task


def validate_call(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:  # type: ignore[type-arg,unused-ignore]
    """Raise ValidationError unless the function takes these arguments and the database can keep them."""
    try:
        keepable.validate("Arguments", args, kwargs)
    except ValueError as error:
        raise ValidationError(str(error), "args") from error
    context = [None] if task.takes_context else []
    try:
        inspect.signature(task.func).bind(*context, *args, **kwargs)
    except TypeError as error:
        raise ValidationError(
            _("%(text)s cannot be called so: %(error)s"), "args", _params(task.module_path, error)
        ) from error


def _params(text: str, error: Exception) -> dict[str, str]:
    return {"text": text, "error": str(error)}
