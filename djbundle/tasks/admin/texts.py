"""Values as users read them."""

import datetime
import json
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from djbundle.tasks.models import TaskRecord

NOTHING = "–"
SHORT = 60  # characters of arguments in a list


def short_name(path: str) -> str:
    """Return "send_confirmation" for "orders.tasks.send_confirmation"."""
    return path.rpartition(".")[2]


def call_of(record: TaskRecord) -> str:
    """Return the arguments of the task as in source code: `42, "Smith", urgent=true`."""
    named = (f"{name}={_json(value)}" for name, value in record.kwargs.items())
    return ", ".join([*map(_json, record.args), *named])


def short_call(record: TaskRecord) -> str:
    return Truncator(call_of(record)).chars(SHORT)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def pretty(value: Any) -> str:
    """Return JSON over as many lines as it needs."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def local(moment: datetime.datetime) -> datetime.datetime:
    """Return the moment in the time zone of the user. A project without USE_TZ has only one."""
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment


def to_the_second(moment: datetime.datetime | None) -> str:
    if moment is None:
        return ""
    local_time = local(moment)
    return f"{date_format(local_time, 'DATE_FORMAT')}, {local_time:%H:%M:%S}"


def briefly(moment: datetime.datetime, now: datetime.datetime) -> str:
    """Return the time if it is today, else the day and the time."""
    local_time = local(moment)
    return f"{local_time:%H:%M:%S}" if local_time.date() == local(now).date() else date_format(local_time, "j M, H:i")


def seconds_between(begin: datetime.datetime | None, end: datetime.datetime | None) -> float | None:
    return None if begin is None or end is None else max(0.0, (end - begin).total_seconds())


def span(seconds: float | None) -> str:
    """Return a text such as "12 ms", "3.4 s", "2 min 5 s", "12 min", "3 h 20 min" or "2 d 4 h"."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return _("%d ms") % round(seconds * 1000)
    if seconds < 60:
        return _("%s s") % number_format(seconds, 1 if seconds < 10 else 0)
    whole = round(seconds)
    units = ((86400, _("%d d"), 3600, _("%d h")), (3600, _("%d h"), 60, _("%d min")), (60, _("%d min"), 1, _("%d s")))
    for size, text, rest_size, rest_text in units:
        if whole >= size:
            rest = whole % size // rest_size if whole < 10 * size else 0
            return text % (whole // size) + (f" {rest_text % rest}" if rest else "")
    return NOTHING
