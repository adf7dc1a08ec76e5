"""Schedules in the admin. Those made here can be changed freely; those declared in code keep their name."""

import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from djbundle.tasks.admin.texts import NOTHING, briefly, short_name
from djbundle.tasks.admin.timing import describe_timing
from djbundle.tasks.models import Schedule

CODE = _(
    "This schedule is declared in code: it cannot be renamed or deleted here. What is changed here holds until its "
    "declaration changes. Disable it to stop it."
)


@admin.register(Schedule)
class ScheduleAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "task", "timing", "zone", "enabled", "last", "next")
    list_filter = ("enabled", "in_code")
    search_fields = ("name", "task_path")
    ordering = ("name",)
    actions = ("enable", "disable", "run_now", "delete_selected")
    readonly_fields = ("in_code", "last_run")
    formfield_overrides = {models.JSONField: {"widget": AdminTextareaWidget({"rows": 3})}}

    class Media:
        css = {"all": ("djbundle_tasks/admin.css",)}

    @admin.display(description=_("task"), ordering="task_path")
    def task(self, schedule: Schedule) -> SafeString:
        return format_html('<span title="{}">{}</span>', schedule.task_path, short_name(schedule.task_path))

    @admin.display(description=_("runs"))
    def timing(self, schedule: Schedule) -> SafeString:
        words = describe_timing(schedule.cron, schedule.interval)
        pattern = "" if schedule.interval or words == schedule.cron else schedule.cron
        return format_html('{} <span class="djt-quiet djt-code">{}</span>', words, pattern)

    @admin.display(description=_("time zone"), ordering="time_zone")
    def zone(self, schedule: Schedule) -> str:
        return schedule.time_zone or NOTHING

    @admin.display(description=_("last run"), ordering="last_run")
    def last(self, schedule: Schedule) -> str:
        return _brief(schedule.last_run)

    @admin.display(description=_("next run"), ordering="next_run")
    def next(self, schedule: Schedule) -> str:
        return _brief(schedule.next_run if schedule.enabled else None)

    # --- actions ---

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: Any) -> None:
        count = queryset.filter(enabled=False).update(enabled=True)
        self._send_success(request, ngettext("%d schedule is enabled.", "%d schedules are enabled.", count) % count)

    @admin.action(description=_("Disable"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: Any) -> None:
        count = queryset.filter(enabled=True).update(enabled=False)
        self._send_success(request, ngettext("%d schedule is disabled.", "%d schedules are disabled.", count) % count)

    @admin.action(description=_("Run now, once"), permissions=["change"])
    def run_now(self, request: HttpRequest, queryset: Any) -> None:
        for schedule in queryset:
            try:
                import_string(schedule.task_path).enqueue(*schedule.args, **schedule.kwargs)
            except Exception as error:  # whatever the project's code or a wrong argument raises
                params = {"name": schedule.name, "error": error}
                self.message_user(request, _("“%(name)s” cannot be run: %(error)s") % params, messages.ERROR)
            else:
                self._send_success(request, _("“%s” is enqueued.") % schedule.name)

    @admin.action(description=_("Delete"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: Any) -> Any:
        """Delete with Django's confirmation page, but only schedules that were made in the admin."""
        if declared_count := queryset.filter(in_code=True).count():
            message = ngettext(
                "%d schedule is declared in code and stays.",
                "%d schedules are declared in code and stay.",
                declared_count,
            )
            self.message_user(request, message % declared_count, messages.WARNING)
        made_here = queryset.filter(in_code=False)
        return delete_selected(self, request, made_here) if made_here.exists() else None

    def _send_success(self, request: HttpRequest, text: str) -> None:
        self.message_user(request, text, messages.SUCCESS)

    # --- the form ---

    def get_fieldsets(self, _request: HttpRequest, schedule: Schedule | None = None) -> Any:
        names = ["name", "task_path", "args", "kwargs"]
        timing = ["cron", "interval", "time_zone", "missed"]
        state = ["enabled", "next_run", *(["last_run", "in_code"] if schedule else [])]
        description = CODE if schedule and schedule.in_code else None
        return [
            (None, {"fields": names, "description": description}),
            (_("Timing"), {"fields": timing}),
            (_("State"), {"fields": state}),
        ]

    def get_readonly_fields(self, _request: HttpRequest, schedule: Schedule | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "name") if schedule and schedule.in_code else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, schedule: Schedule | None = None) -> bool:
        in_code = schedule is not None and schedule.in_code
        return not in_code and super().has_delete_permission(request, schedule)


def _brief(moment: datetime.datetime | None) -> str:
    return NOTHING if moment is None else briefly(moment, timezone.now())
