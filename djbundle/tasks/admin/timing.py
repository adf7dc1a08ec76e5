"""The timing of a schedule in words."""

import re

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

from djbundle.tasks.admin.texts import NOTHING, span

NUMBER = re.compile(r"\d{1,2}")
STEP = re.compile(r"\*/\d{1,2}")
SUNDAY = 6  # in Django's weekdays; cron begins with Sunday


def describe_timing(cron: str, interval: float | None) -> str:
    """Return a text such as "each day at 03:00". Rare patterns stay as they are."""
    if interval:
        return _("every %s") % span(interval)
    return _pattern(cron) or cron or NOTHING


def _pattern(cron: str) -> str:
    fields = cron.split()
    if len(fields) != 5 or fields[3] != "*":
        return ""
    minute, hour, day, _month, weekday = fields
    if hour == day == weekday == "*":
        return _minutes(minute)
    if not (NUMBER.fullmatch(minute) and NUMBER.fullmatch(hour)):
        return ""
    return _days(day, weekday, f"{int(hour):02}:{int(minute):02}")


def _minutes(minute: str) -> str:
    if minute == "*":
        return _("every minute")
    if STEP.fullmatch(minute):
        return _("every %s minutes") % minute[2:]
    return _("each hour at minute %s") % int(minute) if NUMBER.fullmatch(minute) else ""


def _days(day: str, weekday: str, time: str) -> str:
    if day == weekday == "*":
        return _("each day at %s") % time
    if weekday == "*" and NUMBER.fullmatch(day):
        return _("on day %(day)s of each month at %(time)s") % {"day": int(day), "time": time}
    if day == "*" and weekday in ("1-5", "mon-fri"):
        return _("Monday to Friday at %s") % time
    if day == "*" and weekday in tuple("01234567"):
        return _("each %(day)s at %(time)s") % {"day": WEEKDAYS[(int(weekday) + SUNDAY) % 7], "time": time}
    return ""
