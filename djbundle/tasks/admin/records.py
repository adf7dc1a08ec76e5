"""Tasks in the admin: shows them, and runs them again."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from djbundle.tasks import operations_api
from djbundle.tasks.admin.commands import COMMANDS, TaskCommand, buttons, may_command
from djbundle.tasks.admin.detail import detail, progress, wait_and_run
from djbundle.tasks.admin.filters import FinishedFilter, QueueFilter, StateFilter, TaskFilter
from djbundle.tasks.admin.listing import TaskList, WindowPaginator, search
from djbundle.tasks.admin.overview import OverviewViews
from djbundle.tasks.admin.states import NEWEST, RUNS, named, state_of
from djbundle.tasks.admin.texts import briefly, short_call, short_name, span, to_the_second
from djbundle.tasks.models import RUNNING, TaskRecord
from djbundle.tasks.store import transitions


def _action(command: TaskCommand) -> Any:
    @admin.action(description=command.label, permissions=["command"])
    def run(model_admin: Any, request: HttpRequest, queryset: operations_api.Records) -> None:
        model_admin.message_user(request, command.message(command.run(queryset)), messages.SUCCESS)

    run.__name__ = command.name
    return run


@admin.register(TaskRecord)
class TaskRecordAdmin(OverviewViews, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("task", "state", "arguments", "queue_name", "attempts", "enqueued", "waited_took")
    list_filter = (StateFilter, QueueFilter, TaskFilter, FinishedFilter)
    search_fields = ("task_path", "args", "kwargs")
    search_help_text = _("Words of the task's name or its arguments, or its number")
    sortable_by = ()  # no index supports it
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_max_show_all = 0
    actions = (*map(_action, COMMANDS), "delete_selected")

    class Media:
        css = {"all": ("djbundle_tasks/admin.css",)}

    # --- the list ---

    @admin.display(description=_("task"))
    def task(self, record: TaskRecord) -> str:
        return short_name(record.task_path)

    @admin.display(description=_("arguments"))
    def arguments(self, record: TaskRecord) -> str:
        return format_html('<span class="djt-code">{}</span>', short_call(record))

    @admin.display(description=_("status"))
    def state(self, record: TaskRecord) -> str:
        state = state_of(record, timezone.now())
        display = progress(record.progress) if state is RUNS else None
        return format_html('{} <span class="djt-quiet">{}</span>', state.badge(), display.text if display else "")

    @admin.display(description=_("attempts"))
    def attempts(self, record: TaskRecord) -> str:
        return f"{len(record.worker_ids)}/{record.max_attempts}"

    @admin.display(description=_("enqueued"))
    def enqueued(self, record: TaskRecord) -> SafeString:
        exact, brief = to_the_second(record.enqueued_at), briefly(record.enqueued_at, timezone.now())
        return format_html('<span title="{}">{}</span>', exact, brief)

    @admin.display(description=_("waited / took"))
    def waited_took(self, record: TaskRecord) -> str:
        wait, took = wait_and_run(record, timezone.now())
        return f"{span(wait)} / {span(took)}"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TaskList]:  # noqa: ARG002
        return TaskList

    def get_paginator(  # type: ignore[override]
        self, request: HttpRequest, rows: Any, per_page: int, *_arguments: Any, **_options: Any
    ) -> WindowPaginator:
        number = request.GET.get("p", "")
        return WindowPaginator(rows, per_page, max(1, int(number)) if number.isdecimal() else 1)

    def get_queryset(self, _request: HttpRequest) -> QuerySet[TaskRecord]:
        return transitions.records().all()

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        states = named(request.GET.get("state", ""))
        return states[0].order if states else NEWEST

    def get_search_results(
        self, _request: HttpRequest, rows: QuerySet[TaskRecord], text: str
    ) -> tuple[QuerySet[TaskRecord], bool]:
        return search(rows, text), False

    # --- one task ---

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        record = self.get_object(request, object_id)
        extra = {}
        if record is not None:
            now = timezone.now()
            extra = {
                "title": short_name(record.task_path),
                "subtitle": None,
                "detail": detail(record, now),
                "buttons": buttons(request, state_of(record, now)),
                "may_discard": self.has_delete_permission(request, record),
            }
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def command_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Run the command of a button."""
        if not may_command(request):
            raise PermissionDenied
        command = next((each for each in COMMANDS if each.name == request.POST.get("command")), None)
        if command is None:
            raise BadRequest("There is no such command.")
        record = get_object_or_404(transitions.records(), pk=object_id)
        if count := command.run(transitions.records().filter(pk=record.pk)):
            self.log_change(request, record, str(command.label))
            self.message_user(request, command.message(count), messages.SUCCESS)
        else:
            self.message_user(request, _("Nothing was done: the task has moved on."), messages.WARNING)
        page = reverse("admin:djbundle_tasks_taskrecord_change", args=[record.pk], current_app=self.admin_site.name)
        return redirect(page)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        command = path(
            "<int:object_id>/command/",
            view(require_POST(self.command_view)),
            name="djbundle_tasks_taskrecord_command",
        )
        return [command, *self.overview_urls(), *super().get_urls()]

    # --- permissions ---

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _record: TaskRecord | None = None) -> bool:
        return False  # no form changes a task

    def has_command_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may use the actions that require "command"."""
        return may_command(request)

    def has_delete_permission(self, request: HttpRequest, record: TaskRecord | None = None) -> bool:
        runs = record is not None and record.status == RUNNING
        return not runs and super().has_delete_permission(request, record)

    @admin.action(description=_("Discard"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: operations_api.Records) -> Any:
        """Discard with Django's confirmation page, but only tasks that do not run."""
        return delete_selected(self, request, queryset.exclude(status=RUNNING))

    def delete_model(self, _request: HttpRequest, record: TaskRecord) -> None:
        operations_api.discard(transitions.records().filter(pk=record.pk))

    def delete_queryset(self, _request: HttpRequest, queryset: operations_api.Records) -> None:
        operations_api.discard(queryset)
