"""Filters of the task list. Their choices are found without reading the whole table."""

import datetime
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from djbundle.tasks.admin.states import STATES, condition, named
from djbundle.tasks.admin.texts import short_name
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import transitions

RECENT = 10_000  # newest rows that are read for the choices
Choices = list[tuple[str, Any]]


class StateFilter(SimpleListFilter):
    title = _("status")
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _admin: Any) -> Choices:
        return [(state.name, state.label) for state in STATES]

    def queryset(self, _request: HttpRequest, rows: QuerySet[TaskRecord]) -> QuerySet[TaskRecord]:
        now = timezone.now()
        chosen = [condition(state, now) for state in named(self.value() or "")]
        return rows.filter(reduce(or_, chosen)) if chosen else rows


class RecentFilter(SimpleListFilter):
    """Offers the values of a column in the newest rows, and the chosen value."""

    parameter_name: str

    def lookups(self, request: HttpRequest, _admin: Any) -> Choices:
        chosen = request.GET.get(self.parameter_name)
        values = {*_recent(self.parameter_name), *([chosen] if chosen else [])}
        return sorted((value, self.label(value)) for value in values)

    def label(self, value: str) -> str:
        return value

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1 or self.value() is not None

    def queryset(self, _request: HttpRequest, rows: QuerySet[TaskRecord]) -> QuerySet[TaskRecord]:
        return rows.filter(**{self.parameter_name: self.value()}) if self.value() else rows


class QueueFilter(RecentFilter):
    title = _("queue")
    parameter_name = "queue_name"


class TaskFilter(RecentFilter):
    title = _("task")
    parameter_name = "task_path"

    def label(self, value: str) -> str:
        return short_name(value)


class FinishedFilter(SimpleListFilter):
    title = _("finished")
    parameter_name = "finished"
    hours = {"1h": 1, "24h": 24, "7d": 7 * 24}

    def lookups(self, _request: HttpRequest, _admin: Any) -> Choices:
        return [("1h", _("In the last hour")), ("24h", _("In the last 24 hours")), ("7d", _("In the last 7 days"))]

    def queryset(self, _request: HttpRequest, rows: QuerySet[TaskRecord]) -> QuerySet[TaskRecord]:
        hours = self.hours.get(self.value() or "")
        return rows.filter(finished_at__gte=timezone.now() - datetime.timedelta(hours=hours)) if hours else rows


def _recent(column: str) -> Iterable[str]:
    newest = transitions.records().aggregate(newest=Max("pk"))["newest"] or 0
    return transitions.records().filter(pk__gt=newest - RECENT).order_by().values_list(column, flat=True).distinct()
